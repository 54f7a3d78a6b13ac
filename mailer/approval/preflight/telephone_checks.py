"""Checks of telephone numbers: their length by country, and whether readers abroad can dial them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mailer.approval.preflight.check_input import Text
from mailer.approval.preflight.findings_and_overrides import Found
from mailer.approval.preflight.per_text_check_decorator import check_each_text
from mailer.approval.preflight.stated_facts import PHONE, is_phone
from subscribers.translate_stored_texts import stored

# Digits of a telephone number with its country's code (ITU-T E.164), in and near the region.
_LENGTHS = {
    "996": 12,
    "998": 12,
    "992": 12,
    "993": 11,
    "7": 11,
    "994": 12,
    "374": 11,
    "995": 12,
    "380": 12,
    "375": 12,
    "976": 11,
    "90": 12,
}
_NO_COUNTRY = re.compile(r"(?:999|99[179]|21[09]|28\d|80[1-79]|83|89|38[48]|69[3-9]|42[2-9]|0)")
# A number that ends soon; an area's code in brackets is not its end: "+998 (71) 200-01-02", "(+992 37) 221".
_SHORT = re.compile(r"\+\d[\d \u00a0()-]{3,9}\d(?!\)?[\d \u00a0\u2010-\u2013-]*\d)")


@check_each_text
def invalid_telephone_numbers(text: Text) -> Iterator[Found]:
    """Telephone numbers with too few or too many digits, of no country, or without the country's code."""
    for found in PHONE.finditer(text.plain):
        if reason := _wrong_phone(found[0]):
            yield Found(text.place, f"{found[0]} ({reason})")
            break
    short = _SHORT.search(text.plain)
    if short and 5 <= len(re.sub(r"\D", "", short[0])) < 9:
        yield Found(text.place, short[0])


def _wrong_phone(written: str) -> str:
    digits = re.sub(r"\D", "", written)
    if written.lstrip().startswith(("+", "00")):
        digits = digits.removeprefix("00") if not written.lstrip().startswith("+") else digits
        code = next((one for one in sorted(_LENGTHS, key=len, reverse=True) if digits.startswith(one)), "")
        if code and len(digits) != _LENGTHS[code]:
            return stored(
                "The telephone number has %(count)s digits instead of %(usual)s",
                count=len(digits),
                usual=_LENGTHS[code],
            )
        return (
            stored("the telephone number's country code does not exist")
            if _NO_COUNTRY.match(digits) or len(digits) > 15
            else ""
        )
    is_local = is_phone(written) and 9 <= len(digits) <= 11 and written.lstrip()[0] in "80("
    return (
        stored("the telephone number has no country code")
        if is_local and not digits.startswith("8800")
        else ""
    )
