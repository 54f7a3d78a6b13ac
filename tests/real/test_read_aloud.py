"""The text part read aloud by eSpeak NG: sentences with pauses between them, and no signs or addresses."""

from __future__ import annotations

import re
import subprocess

import pytest

from mailer.rendering import merge_tags, variants
from tests.conftest import needs
from tests.gallery import SITE, sample_content

# What stands for other things than words, in rules and in addresses.
SIGNS = "-=*_#~|/\\@%&<>"
LINKS = {"en": "Links", "ru": "Ссылки"}


@pytest.mark.parametrize("language", LINKS)
def test_a_voice_reads_sentences_and_no_signs_or_addresses(language: str) -> None:
    content = sample_content()
    values = {**merge_tags.web_values(SITE, language), "subscriber_token": ""}
    text = merge_tags.fill_text(variants.render(content, (), language).text, values)
    reading, _, addresses = text.partition(f"\n{LINKS[language]}:\n")
    assert "://" not in reading and addresses.count("://") > 10
    spoken = utterances(reading, language)
    signs = {sound for sign in SIGNS for sound in utterances(f"{sign} {sign}{sign}{sign}", language)}
    assert not [line for line in spoken if any(sign in line for sign in signs)]
    # Nothing runs into a headline, and no headline into what follows.
    for story in content.stories:
        headline = next(one.headline for one in story.texts if one.language == language)
        if headline in " ".join(reading.split()):
            sounds = "\n".join(utterances(headline, language))
            assert f"\n{sounds}\n" in "\n".join(spoken), headline


def utterances(text: str, language: str) -> list[str]:
    """What is said between two pauses, in phonetic letters."""
    done = subprocess.run(
        [needs("espeak-ng", "espeak-ng"), "-q", "--ipa", "-v", language, "--stdin"],
        input=text,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    return [said for line in done.stdout.splitlines() if (said := re.sub(r"\s+", " ", line).strip())]
