"""docs/how-to-add-a-check.md, followed literally: the function, its line of the table, its planted fault."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from mailer.approval.preflight import character_and_language_checks, check_table
from mailer.approval.preflight.check_input import Description
from mailer.approval.preflight.findings_and_overrides import run_checks
from tests.approval.preflight import test_clean_edition, test_planted_faults
from tests.approval.preflight_edition import CLEAN, rendered

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "how-to-add-a-check.md").read_text(encoding="utf-8")


def test_the_example_of_the_page_works_as_it_is_written() -> None:
    function, line, fault = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    # 1. The function, in the module of its subject.
    module: dict[str, Any] = dict(vars(character_and_language_checks))
    exec(function, module)
    names = {**vars(check_table), "character_and_language_checks": SimpleNamespace(**module)}
    # 2. The line of the table.
    (check,) = eval(line, names)
    assert check.code not in check_table.CODES
    checks = (*check_table.CHECKS, check)
    # 4. The planted fault is found at its level, and nothing else is, here and in the two clean editions.
    (planted,) = eval(f"{{{fault}}}", dict(vars(test_planted_faults))).values()
    code, level, plant = planted

    def found(description: Description) -> dict[str, str]:
        variants = description.variants or rendered()
        return {one.code: one.level for one in run_checks(checks, replace(description, variants=variants))}

    assert found(plant(CLEAN)) == {code: level} == {check.code: check.level}
    assert found(CLEAN) == {}
    clean = test_clean_edition.DESCRIPTION
    assert found(replace(clean, variants=rendered(clean.content))) == {}


def test_the_files_that_the_page_names_exist() -> None:
    places = (ROOT, ROOT / "mailer" / "approval" / "preflight", ROOT / "mailer" / "rendering")
    for name in set(re.findall(r"`([\w/]+\.(?:py|toml))`", PAGE)):
        assert any((place / name).exists() for place in places), name
