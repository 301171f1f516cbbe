"""Normalisation of transcripts: what sounds the same is written the same before words are compared.

Case and punctuation are not heard, so they are no errors. Of English, numbers up to 999 are spelled out, and so are
titles (`Mr.`) and percents, as one transcriber writes `12 %` and another `twelve percent`; larger numbers stay, because
1850 may be a year or an amount. Of Chinese, width and spaces are levelled, and digits beside Han characters are read out:
those of a year one by one, others as a number. Traditional characters become simplified ones: both are read alike.
"""

import re
import unicodedata

from metier.text.traditional import to_simplified

_SMALL = "zero one two three four five six seven eight nine ten"
_TEENS = "eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
_UNITS = [*_SMALL.split(), *_TEENS.split()]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
_SAID = {
    "mr": "mister",
    "mrs": "missus",
    "dr": "doctor",
    "st": "saint",
    "vs": "versus",
    "ok": "okay",
    "%": "percent",
    "&": "and",
}
_DIGITS = "零一二三四五六七八九"
_PLACES = ("", "十", "百", "千")
_GROUPS = ("", "万", "亿")
_NUMBER_DIGITS = 12  # Of a longer one nobody says the number: it is a code, read digit by digit.
_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_read_out = re.compile(rf"(?:(?<=[{_HAN}])\d+(?:\.\d+)?|\d+(?:\.\d+)?(?=%?[{_HAN}]))%?").sub
_apostrophes = re.compile("[’‘`´]").sub
_number = re.compile(r"(?<![\w.,])(\d{1,3})(st|nd|rd|th)?(?![\w]|[.,]\d)", re.IGNORECASE).sub
_symbols = re.compile("[%&]").sub
_pieces = re.compile(r"[^\W_]+(?:'[^\W_]+)*").findall
_han = re.compile(f"([{_HAN}])").sub


def spoken_words(text: str) -> list[str]:
    """Give the words of a transcript, lower case and without punctuation; a Han character is a word of its own."""
    level = _apostrophes("'", to_simplified(unicodedata.normalize("NFKC", text))).lower()
    level = _read_out(lambda found: _in_chinese(found[0], before=level[found.end() : found.end() + 1]), level)
    level = _number(lambda found: f" {_spelled(int(found[1]), is_ordinal=bool(found[2]))} ", level)
    level = _symbols(lambda found: f" {_SAID[found[0]]} ", level)
    return [_SAID.get(word, word) for word in _pieces(_han(r" \1 ", level))]


def with_what_was_said(text: str, said: str) -> str:
    """Give a text and what was said beside it as one text, a line for each; either may be empty."""
    return "\n".join(part for part in (text, said) if part.strip())


def spoken_characters(text: str) -> list[str]:
    """Give the characters of a transcript, with one space between words that are written with spaces."""
    words = spoken_words(text)
    return list(_without_han_spaces(" ".join(words)))


def _without_han_spaces(text: str) -> str:
    return re.sub(f"(?<=[{_HAN}]) | (?=[{_HAN}])", "", text)


def _in_chinese(number: str, *, before: str) -> str:
    """Give a number in Chinese characters: 157 is 一百五十七, 2015 before 年 is 二零一五, 12% is 百分之十二."""
    whole, _, part = number.rstrip("%").partition(".")
    by_digit = (before == "年" and len(whole) == 4) or len(whole) > _NUMBER_DIGITS or whole[0] == "0" != whole
    said = "".join(_DIGITS[int(digit)] for digit in whole) if by_digit else _chinese_number(int(whole))
    if part:
        said += "点" + "".join(_DIGITS[int(digit)] for digit in part)
    return f"百分之{said}" if number.endswith("%") else said


def _chinese_number(number: int) -> str:
    """Give a number below 10**12 in Chinese characters."""
    if number == 0:
        return _DIGITS[0]
    said, lacks = "", False
    for place in range(len(str(number)) - 1, -1, -1):
        digit = number // 10**place % 10
        if digit:
            said += (_DIGITS[0] if lacks and said else "") + _DIGITS[digit] + _PLACES[place % 4]
            lacks = False
        else:
            lacks = True
        if place % 4 == 0 and number // 10**place % 10**4:
            said += _GROUPS[place // 4]
            lacks = lacks and place > 0 and number // 10 ** (place - 1) % 10 == 0
    return said[1:] if said.startswith("一十") else said


def _spelled(number: int, *, is_ordinal: bool) -> str:
    """Give a number below a thousand in words: 342 is `three hundred forty two`."""
    words = []
    if number >= 100:
        words = [_UNITS[number // 100], "hundred"]
    rest = number % 100
    if rest >= 20:
        words.append(_TENS[rest // 10 - 2])
        rest %= 10
        if rest:
            words.append(_UNITS[rest])
    elif rest or not words:
        words.append(_UNITS[rest])
    if is_ordinal:
        last = words[-1]
        words[-1] = _ORDINALS.get(last) or (f"{last[:-1]}ieth" if last.endswith("y") else f"{last}th")
    return " ".join(words)
