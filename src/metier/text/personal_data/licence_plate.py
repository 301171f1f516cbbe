"""Number plates: Chinese ones by their form (GA 36-2018), others with the words before."""

import re
from collections.abc import Iterator

from metier.text.personal_data.context import Context
from metier.text.personal_data.found import PersonalData, found_at

_chinese = re.compile(
    r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼使][A-HJ-NP-Za-hj-np-zIO][·•・. -]?"
    r"[A-HJ-NP-Za-hj-np-z0-9]{4,5}[A-HJ-NP-Za-hj-np-z0-9挂学警港澳](?![0-9A-Za-z])"
).finditer
_WORDS = Context(
    "licen[cs]e plate|licen[cs]e plate number|number plate|registration plate|plate number|plate no|"
    "plates?|tag number|reg(?:istration)? no",
    "车牌|车牌号|牌照",
)
_other = re.compile(
    r"(?<![0-9A-Za-z_-])(?=[A-Z0-9 •·-]{0,8}[0-9])[A-Z0-9]{1,4}(?:[ •·-]?[A-Z0-9]{1,6}){1,2}(?![0-9A-Za-z_-])"
).finditer
_SHORTEST, _LONGEST = 4, 9


def find_licence_plate(text: str) -> Iterator[PersonalData]:
    """Find number plates: `CN_LICENSE_PLATE`, and `US_LICENSE_PLATE` for those of other forms."""
    for found in _chinese(text) if not text.isascii() else ():
        # Few letters stand on a plate: 新A股ETF is none.
        if sum(sign.isdigit() for sign in found.group()) >= 3:
            yield found_at(text, *found.span(), "CN_LICENSE_PLATE", "form")
    for found in _other(text):
        if _SHORTEST <= len(found.group()) <= _LONGEST and _WORDS.before(text, found.start(), reach=24):
            yield found_at(text, *found.span(), "US_LICENSE_PLATE", "context")
