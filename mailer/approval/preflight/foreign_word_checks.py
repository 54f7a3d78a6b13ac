"""Finds words of another language within a text, by letters that the text's own alphabet does not have."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mailer.approval.preflight.check_input import PROSE, Text
from mailer.approval.preflight.findings_and_overrides import Found
from mailer.approval.preflight.per_text_check_decorator import check_each_text
from mailer.rendering import language_detection

# Letters of a neighbouring language's alphabet that the own one does not have.
_FOREIGN = {
    "ru": "әғқңөұүһіҳӣӯҷў",
    "kk": "ҳӣӯҷў",
    "ky": "әғқұһіҳӣӯҷў",
    "tg": "ыщцәңөұүһіў",
    "uz": "şçýňäüöž",
}
_QUOTED = re.compile(r"«[^»\n]*»|“[^”\n]*”|„[^“\n]*“|\"[^\"\n]*\"|\([^()\n]*\)|\S*(?:://|@|www\.)\S*")
# Suffixes and small words of Uzbek in Cyrillic letters, which has those of Tajik.
_UZBEK = re.compile(
    r"(?<!\w)(?:\w{2,}(?:лар(?:и|ни|га|да|дан|нинг|ининг)?|ланган|илган|нинг|моқда|ларини|лиги)|учун"
    r"|билан|кунига|бўйича|эди)(?!\w)"
)
_LEAST = 2


@check_each_text
def foreign_words(text: Text) -> Iterator[Found]:
    """Words in small letters of another alphabet, outside of quotations, and Tajik that is Uzbek."""
    language = text.language.partition("-")[0]
    letters = _FOREIGN.get(language)
    if text.field not in PROSE or not letters:
        return
    plain = _QUOTED.sub(" ", text.plain)
    words = [one for one in re.findall(r"(?<![\w’‘'-])[^\W\d_]{4,}(?![\w@])", plain) if one.islower()]
    found = next((one for one in words if any(letter in letters for letter in one)), "")
    if not found and language == "tg" and len(uzbek := _UZBEK.findall(plain.casefold())) >= _LEAST:
        found = ", ".join(uzbek[:_LEAST])
    # A whole text in another language has a check of its own.
    if found and not language_detection.contradicting_language(text.plain, text.language):
        yield Found(text.place, found)
