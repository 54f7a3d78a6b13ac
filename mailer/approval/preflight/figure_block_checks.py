"""Checks of blocks of key figures."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mailer.approval.preflight.check_input import Description, excerpt, place_of_block
from mailer.approval.preflight.findings_and_overrides import Found

# Figures that a message shows, as view_model does.
_MOST_FIGURES = 3


def too_many_or_unlabelled_figures(description: Description) -> Iterator[Found]:
    """Figures beyond the third, which no reader sees, and those without a label."""
    for block in description.content.blocks:
        for text in block.texts if block.kind == "figures" else ():
            lines = [line for line in text.text.splitlines() if line.strip()]
            wrong = lines[_MOST_FIGURES:] or [line for line in lines if not line.partition("|")[2].strip()]
            if wrong:
                yield Found(place_of_block(description.content, block, text.language), excerpt(wrong[0]))


def figures_block_differs(description: Description) -> Iterator[Found]:
    """Figures that are not the same numbers in each language."""
    for block in description.content.blocks:
        if block.kind != "figures" or not block.texts:
            continue
        numbers = {text.language: _numbers(text.text) for text in block.texts if text.text.strip()}
        source = next((code for code in description.content.masthead.languages if code in numbers), "")
        for code, found in numbers.items():
            if found != numbers.get(source, found):
                detail = " / ".join(sorted(set(found) - set(numbers[source]))) or " / ".join(found)
                yield Found(place_of_block(description.content, block, code), detail)


def _numbers(lines: str) -> list[str]:
    """The digits of each line's figure: "12 000", "12,000" and "12.000" are the same."""
    return ["".join(re.findall(r"\d", line.partition("|")[0])) for line in lines.splitlines() if line.strip()]
