"""Numbers of identity documents: Chinese identity cards, passports, and social security numbers of the United States.

A Chinese identity card has a region, a day of birth and a check digit that must hold (GB 11643-1999). Regions are checked
by the province alone: counties were renumbered many times, and a card keeps its old number. The form of a passport's
number is also that of product codes, so that it needs its word before it.
"""

import datetime
import re
from collections.abc import Iterator

from metier.text.personal_data.context import Context
from metier.text.personal_data.found import PersonalData, found_at

_ID_WORDS = Context(
    "id card|identity card|id number|id no|national id|identity number",
    "身份证|身份证号|证件号|证件号码|公民身份号码",
)
_id_numbers = re.compile(
    r"(?<![0-9A-Za-z_])([1-9][0-9]{5})([ -]?)([0-9]{8})\2([0-9]{3}[0-9Xx])(?![0-9A-Za-z_])"
).finditer
_old_id_numbers = re.compile(r"(?<![0-9A-Za-z_])[1-9][0-9]{14}(?![0-9A-Za-z_])").finditer
# The first two digits: the provinces of mainland China, Taiwan, Hong Kong and Macau.
_province = re.compile("1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3]").match
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS = "10X98765432"


def find_cn_id_card(text: str) -> Iterator[PersonalData]:
    """Find numbers of identity cards: of 18 signs by the check digit, of 15 (until 1999) by their words."""
    for found in _id_numbers(text):
        region, _, birth, rest = found.groups()
        if _province(region) and _is_day(birth) and _holds(region + birth + rest):
            yield found_at(text, *found.span(), "CN_ID_CARD", "checksum")
    for found in _old_id_numbers(text):
        number = found.group()
        if _province(number) and _is_day("19" + number[6:12]) and _ID_WORDS.before(text, found.start()):
            yield found_at(text, *found.span(), "CN_ID_CARD", "context")


def _is_day(written: str) -> bool:
    try:
        day = datetime.date(int(written[:4]), int(written[4:6]), int(written[6:]))
    except ValueError:
        return False
    return 1850 <= day.year <= 2100


def _holds(number: str) -> bool:
    total = sum(weight * int(sign) for weight, sign in zip(_WEIGHTS, number, strict=False))
    return _CHECKS[total % 11] == number[17].upper()


_PASSPORT_WORDS = Context("passport|passports|passport number|passport no", "护照|护照号|护照号码|通行证")
_passport_numbers = re.compile(
    r"(?<![0-9A-Za-z_])(?:(?P<chinese>[EeGgDdSsPpHh][0-9]{8}|[Ee][A-Za-z][0-9]{7})|[A-Za-z]?[0-9]{8,9}|[A-Z]{2}[0-9]{7})"
    r"(?![0-9A-Za-z_]|-[0-9])"
).finditer
_has_han = re.compile("[\u4e00-\u9fff]").search


def find_passport(text: str) -> Iterator[PersonalData]:
    """Find numbers of passports: `CN_PASSPORT` in Chinese texts, `US_PASSPORT` in others."""
    for found in _passport_numbers(text):
        if _PASSPORT_WORDS.before(text, found.start()):
            near = text[max(0, found.start() - 24) : found.end() + 8]
            chinese = found.group("chinese") and (
                _has_han(near) or "china" in near.lower() or "chinese" in near.lower()
            )
            yield found_at(text, *found.span(), "CN_PASSPORT" if chinese else "US_PASSPORT", "context")


_SSN_WORDS = Context(
    "ssn|ssns|social security|social security number|social security no|social|ss#",
    "社会保障号|社安号|社会安全号",
)
_ssn_numbers = re.compile(
    r"(?<![0-9A-Za-z_])(?<![0-9][.,-])([0-9]{3})([- ]?)([0-9]{2})\2([0-9]{4})(?![0-9A-Za-z_]|[-][0-9])"
).finditer


def find_us_ssn(text: str) -> Iterator[PersonalData]:
    """Find social security numbers; those that are never issued (area 000, 666 or 9xx) are none."""
    for found in _ssn_numbers(text):
        area, sign, group, serial = found.groups()
        if area in ("000", "666") or area[0] == "9" or group == "00" or serial == "0000":
            continue
        said = _SSN_WORDS.before(text, found.start())
        if said or (sign == "-" and said is None):
            yield found_at(text, *found.span(), "US_SSN", "context" if said else "form")
