"""Numbers of a text, English and Chinese, in one form: what is the same number is equal however it is written.

`1.2亿`, `120 million` and `120,000,000` are one number; so are `三成`, `百分之三十`, `30%` and `thirty percent`, `3月5日`
and `March 5`, `7:30 pm` and `晚上七点半`. A date is its parts: a year and a day are numbers, a month is a month.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from metier.text.segmentation import HAN


def _words(listed: str) -> list[str]:
    return listed.split()


KINDS = ("number", "percent", "month", "time")
_SMALL = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_UNITS = dict(zip(_words(_SMALL), range(1, 20), strict=True))
_TENS = dict(
    zip(_words("twenty thirty forty fifty sixty seventy eighty ninety"), range(20, 100, 10), strict=True)
)
_SCALES = {
    "hundred": 1e2,
    "thousand": 1e3,
    "million": 1e6,
    "billion": 1e9,
    "trillion": 1e12,
    "dozen": 12.0,
    "k": 1e3,
    "mn": 1e6,
    "bn": 1e9,
}
_MONTHS = _words("january february march april may june july august september october november december")
_HAN_DIGITS = {sign: value for value, sign in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
_HAN_SCALES = {"十": 10, "百": 100, "千": 1000, "万": 10**4, "亿": 10**8}
_han_number = "[零〇一二两三四五六七八九十百千万亿]"
_digits = r"\d+(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
_word = rf"(?:{'|'.join([*_TENS, *_UNITS])})"
_month = "|".join([*_MONTHS, *(f"{name[:3]}\\.?" for name in _MONTHS if name != "may"), "sept\\.?"])
_time = re.compile(
    r"(?<![\d:.])(\d{1,2}):(\d{2})(?::\d{2})?(?![\d:])\s*([ap])?(?:\.?m\b\.?)?|(?<![\d:.])(\d{1,2})(?:\s*o'clock)?\s*([ap])\.?m\b\.?"
    rf"|(早上|上午|凌晨|中午|下午|晚上|傍晚)?(\d{{1,2}}|{_han_number}{{1,3}})[点時时](?:(半)|(\d{{1,2}}|{_han_number}{{1,3}})分)?",
    re.IGNORECASE,
)
_iso = re.compile(r"(?<!\d)(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)")
_named_month = re.compile(rf"\b({_month})(?![a-z])", re.IGNORECASE)
_han_month = re.compile(rf"(\d{{1,2}}|{_han_number}{{1,2}})月(?!份?球)")
_percent = re.compile(
    rf"({_digits})\s*(?:%|％|percent\b|per cent\b|percentage points\b)"
    rf"|百分之(\d+(?:\.\d+)?|{_han_number}+(?:点{_han_number}+)?)"
    rf"|(\d+(?:\.\d+)?|{_han_number})成(?!为|功|立|长|员|本|绩|果|都|分|年|人|就|了|熟|熟|交|套)",
    re.IGNORECASE,
)
_scaled = re.compile(
    rf"({_digits})\s*(hundred|thousand|million|billion|trillion|dozen|bn|mn)s?\b|({_digits})(k)\b|({_digits})\s*([十百千万亿]+)",
    re.IGNORECASE,
)
_said = re.compile(
    rf"\b{_word}(?:[\s-]+(?:and\s+)?(?:{_word}|hundred|thousand|million|billion|dozen))*\b", re.IGNORECASE
)
_plain = re.compile(
    rf"(?<![\w.])(?:{_digits})(?=(?:st|nd|rd|th|s)?\b|[{HAN}])|(?<=[{HAN}])(?:{_digits})", re.IGNORECASE
)
_is_percent = re.compile(r"\s+(?:percent|per cent)\b", re.IGNORECASE).match
_han_said = re.compile(rf"{_han_number}+")
_MEASURED = (
    "个位名人年月日天岁次元块米里斤吨家所件种条只头辆架座层倍届期章节句点分秒周号类项间台部本张页步度集多余"
)
_AFTERNOON = frozenset(("下午", "晚上", "傍晚", "p", "P"))


class Number(NamedTuple):
    """A number in a text.

    Parameters
    ----------
    kind : {"number", "percent", "month", "time"}
    value : float
        Of a percentage the percents, of a month 1 to 12, of a time of day the minutes since midnight.
    start, end : int
        Where it stands, in characters.
    is_rounded : bool
        Whether it may stand for a more exact one: it has two digits or more, or a word for its scale.
    is_exact : bool
        Of a time: whether it says which half of the day is meant.
    """

    kind: str
    value: float
    start: int
    end: int
    is_rounded: bool = False
    is_exact: bool = True


@dataclass(frozen=True)
class _Rule:
    pattern: re.Pattern[str]
    read: Callable[[re.Match[str]], Iterator[Number]]


def numbers_of(text: str) -> list[Number]:
    """Give the numbers of a text in their order, none over another.

    The words one, first and 一 alone are no numbers here: they mostly count nothing.
    """
    found: list[Number] = []
    taken = bytearray(len(text))
    for rule in _RULES:
        for match in rule.pattern.finditer(text):
            if any(taken[match.start() : match.end()]):
                continue
            read = list(rule.read(match))
            if read:
                found += read
                taken[match.start() : match.end()] = b"\x01" * (match.end() - match.start())
    return sorted(found, key=lambda number: number.start)


def is_same(number: Number, known: Number) -> bool:
    """Whether a known number says a number: the same, or one that it is rounded to.

    A percentage is one of percents. Where a time does not say which half of the day, either is meant.
    """
    if number.kind == "time" and known.kind == "time":
        apart = abs(number.value - known.value)
        return apart == 0 or (apart == 720 and not (number.is_exact and known.is_exact))
    if number.kind != known.kind:  # A plain number may lack the sign, or stand in a table under it.
        plain = number.kind == "number" and known.kind == "percent"
        month = number.kind == "month" and known.kind == "number"
        return (plain or month) and number.value == known.value
    if number.value == known.value:
        return True
    return number.is_rounded and _rounds_to(known.value, number.value)


def _rounds_to(exact: float, rounded: float) -> bool:
    """Whether a number, rounded to the digits that another has, is the other."""
    digits = len(f"{rounded:.12g}".replace(".", "").replace("-", "").rstrip("0").lstrip("0")) or 1
    return float(f"{exact:.{digits}g}") == rounded


def _as_float(digits: str) -> float:
    return float(digits.replace(",", ""))


def han_value(text: str) -> float | None:
    """Give the value of a number in Chinese characters: 三百二十 is 320, 二零一五 is 2015; None: it is none."""
    if not text:
        return None
    if all(sign in _HAN_DIGITS for sign in text):
        return float("".join(str(_HAN_DIGITS[sign]) for sign in text))
    for sign, scale in (("亿", 10**8), ("万", 10**4)):
        above, found, below = text.rpartition(sign)
        if found:
            return (han_value(above) or 1.0) * scale + (han_value(below) or 0.0)
    total = digit = 0
    for sign in text:
        if sign in _HAN_DIGITS:
            digit = _HAN_DIGITS[sign]
        else:
            total += (digit or 1) * _HAN_SCALES[sign]
            digit = 0
    return float(total + digit)


def _either(text: str) -> float | None:
    return float(text) if text[0].isdigit() else han_value(text)


def _read_time(match: re.Match[str]) -> Iterator[Number]:
    hour, minute, half, late, late_half, when, said, is_half, minutes = match.groups()
    if said is not None:
        found, rest = _either(said), 30.0 if is_half else _either(minutes) if minutes else 0.0
        if not is_half and not minutes and when is None:
            return  # 三点 alone is as often three points.
        mark = when
    else:
        found, rest, mark = float(hour or late), float(minute or 0), half or late_half
    if found is None or rest is None or found > 24 or rest > 59:
        return
    if mark in _AFTERNOON and found < 12:
        found += 12
    elif mark is not None and mark in "aA" and found == 12:
        found = 0
    is_exact = mark is not None or found > 12
    yield Number("time", found * 60 + rest, match.start(), match.end(), is_exact=is_exact)


def _read_iso(match: re.Match[str]) -> Iterator[Number]:
    year, month, day = map(float, match.groups())
    if 1 <= month <= 12 and 1 <= day <= 31:
        yield Number("number", year, match.start(1), match.end(1))
        yield Number("month", month, match.start(2), match.end(2))
        yield Number("number", day, match.start(3), match.end(3))


def _read_month(match: re.Match[str]) -> Iterator[Number]:
    name = match[1].lower().rstrip(".")
    if name in ("may", "march", "mar") and not match[1][0].isupper():
        return  # The verbs.
    place = next(place for place, month in enumerate(_MONTHS, start=1) if month.startswith(name[:3]))
    yield Number("month", float(place), match.start(), match.end())


def _read_han_month(match: re.Match[str]) -> Iterator[Number]:
    value = _either(match[1])
    if value is not None and 1 <= value <= 12:
        yield Number("month", value, match.start(), match.end())


def _read_percent(match: re.Match[str]) -> Iterator[Number]:
    percents, said, tenths = match.groups()
    if percents is not None:
        value: float | None = _as_float(percents)
    elif said is not None:
        whole, _, part = said.partition("点")
        value = _either(whole)
        if value is not None and part:
            value += float("0." + "".join(str(_HAN_DIGITS.get(sign, 0)) for sign in part))
    else:
        tenth = _either(tenths)
        value = None if tenth is None else 10 * tenth
    if value is not None:
        yield Number("percent", value, match.start(), match.end(), is_rounded=True)


def _read_scaled(match: re.Match[str]) -> Iterator[Number]:
    digits, scale = next((match[group], match[group + 1]) for group in (1, 3, 5) if match[group])
    by = _SCALES.get(scale.lower())
    if by is None:
        by = 1.0
        for sign in scale:
            by *= _HAN_SCALES[sign]
    yield Number("number", _clean(_as_float(digits) * by), match.start(), match.end(), is_rounded=True)


def _clean(value: float) -> float:
    """Take off what binary fractions add: 1.2 times 100,000,000."""
    return float(f"{value:.12g}")


def _read_said(match: re.Match[str]) -> Iterator[Number]:
    words = re.findall(r"[a-z]+", match[0].lower())
    if words == ["one"]:
        return
    total = section = 0.0
    for word in words:
        if word in _SCALES and word != "hundred":
            total, section = total + (section or 1) * _SCALES[word], 0.0
        elif word == "hundred":
            section = (section or 1) * 100
        elif word != "and":
            section += _UNITS.get(word, 0) or _TENS.get(word, 0)
    kind = "percent" if _is_percent(match.string, match.end()) else "number"
    yield Number(kind, total + section, match.start(), match.end(), is_rounded=len(words) > 1)


def _read_plain(match: re.Match[str]) -> Iterator[Number]:
    value = _as_float(match[0])
    digits = match[0].replace(",", "").replace(".", "").strip("0")
    # 2020 is a year, and not 2019 rounded.
    is_rounded = len(digits) > 1 and (value >= 10_000 or "." in match[0])
    yield Number("number", value, match.start(), match.end(), is_rounded=is_rounded)


def _read_han(match: re.Match[str]) -> Iterator[Number]:
    said = match[0]
    following = match.string[match.end() : match.end() + 1]
    is_counted = bool(following) and following in _MEASURED
    if said in ("一", "万", "千", "百", "亿", "十") or (len(said) == 1 and not is_counted):
        return  # 一些, 万一, 千万: as often no number.
    if said[0] in "百千万亿" or (len(said) > 1 and set(said) <= set("百千万亿")):
        return
    value = han_value(said)
    if value is not None:
        yield Number("number", value, match.start(), match.end(), is_rounded=said[-1] in "百千万亿")


_RULES = (
    _Rule(_time, _read_time),
    _Rule(_iso, _read_iso),
    _Rule(_percent, _read_percent),
    _Rule(_han_month, _read_han_month),
    _Rule(_named_month, _read_month),
    _Rule(_scaled, _read_scaled),
    _Rule(_said, _read_said),
    _Rule(_plain, _read_plain),
    _Rule(_han_said, _read_han),
)
