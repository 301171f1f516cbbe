"""Telephone numbers: Chinese mobile and landline ones, those of North America, and international ones."""

import re
from collections.abc import Iterator

from metier.text.personal_data.context import Context, is_price
from metier.text.personal_data.found import Evidence, PersonalData, found_at
from metier.text.personal_data.payment_card import digits_of

_WORDS = Context(
    "phone|phones|telephone|tel|mobile|cell|cell phone|cellphone|phone number|mobile number|cell number|contact number|"
    "call|called|calling|calls|dial|dialed|text|texted|sms|whatsapp|wechat|fax|hotline|ring|ring me|reach|reached|"
    "contact|contact me|voicemail|my number|my new number|new number|number is|number to|callback|"
    "call back|landline|extension",
    "电话|电话号码|手机|手机号|手机号码|联系方式|联系电话|致电|拨打|座机|传真|热线|来电|打给|打我|号码|微信|短信|短消息|联系|"
    "客服|分机|回电|通话|主叫|被叫",
)
_EXTENSION = r"(?:(?: ?(?:x|ext\.?|extension|#) ?[0-9]{1,6})|转[0-9]{1,6})?"
_BEFORE, _AFTER = r"(?<![0-9A-Za-z_])(?<![0-9][.,-])(?<![-/.=&])", r"(?![0-9A-Za-z_]|[.,-][0-9])"
# Codes of countries (ITU-T E.164).
_COUNTRIES = (
    "1|7|2[07]|2[1-69][0-9]|3[0-469]|3[578][0-9]|4[013-9]|42[0-9]|5[1-8]|50[0-9]|59[0-9]|6[0-6]|6[789][0-9]|8[1246]|"
    "8[05789][0-9]|9[0-58]|9[679][0-9]"
)
_international = re.compile(
    rf"(?<![0-9A-Za-z_+])(?:\+ ?|00)(?:{_COUNTRIES})[ .-]?(?:\(0?[0-9]{{1,4}}\)[ "
    rf".-]?)?[0-9]{{1,4}}(?:[ .-]?[0-9]{{2,4}}){{1,4}}"
    rf"{_EXTENSION}(?![0-9])"
).finditer
_mobile = re.compile(
    r"(?<![0-9A-Za-z_+])(?<![0-9][.,-])(?:(?:\+?86|0086)[ -]?)?"
    r"1(?:3[0-9]|4[0145-9]|5[0-35-9]|6[2567]|7[0-8]|8[0-9]|9[0-35-9])([ -]?)[0-9]{4}\1[0-9]{4}(?![0-9A-Za-z_]|[.,][0-9])"
).finditer
_landline = re.compile(
    rf"{_BEFORE}(?:(?:\+?86|0086)[ -]?)?(?:[（(](?P<area>0(?:10|2[0-9]|[3-9][0-9]{{2}}))[)）] ?|"
    rf"(?:0(?:10|2[0-9]|[3-9][0-9]{{2}}))(?P<sign>[ -]?))"
    rf"[2-8][0-9]{{2,3}}(?P<middle> ?)[0-9]{{4}}(?:-[0-9]{{1,6}})?{_EXTENSION}(?![0-9A-Za-z_])"
).finditer
_service = re.compile(
    rf"{_BEFORE}[48]00[ -]?(?:[0-9]{{3}}[ -]?[0-9]{{4}}|[0-9]{{4}}[ -]?[0-9]{{3}}){_AFTER}"
).finditer
_american = re.compile(
    r"(?<![0-9A-Za-z_+])(?<![0-9][.,-])(?<![/=&])(?:(?:\+?1|001)[ .-]?)?"
    r"(?:\([2-9][0-9]{2}\)(?P<bracket>[ .-]?)|[2-9][0-9]{2}(?P<sign>[ .-]?))[2-9][0-9]{2}(?P<last>[ .-]?)[0-9]{4}"
    rf"{_EXTENSION}(?![0-9A-Za-z_]|[.,-][0-9])"
).finditer
# Any other number: seven to fifteen digits in groups, right after its word.
_any = re.compile(rf"{_BEFORE}\(?[0-9]{{2,5}}\)?(?:[ .-]?[0-9]{{2,5}}){{1,4}}{_EXTENSION}{_AFTER}").finditer
_has_han = re.compile("[\u4e00-\u9fff]").search
_NEAR = 26


def find_phone(text: str) -> Iterator[PersonalData]:
    """Find telephone numbers, with their extensions."""
    for found in _international(text):
        said, is_marked = _said(text, found), found.group().startswith("+")
        if 8 <= len(digits_of(found.group())) <= 21 and (said or (said is None and is_marked)):
            yield _phone(text, found, "context" if said else "form")
    is_chinese = not text.isascii() and _has_han(text) is not None
    for found in _mobile(text):
        said = _said(text, found)
        if said or (said is None and (is_chinese or found.group().startswith(("+", "00")))):
            yield _phone(text, found, "context" if said else "form")
    yield from _landlines(text, is_chinese)
    yield from _americans(text)
    for found in _any(text):
        is_plain = not is_price(text, found.start()) and not _is_date(found.group())
        is_long = 7 <= len(digits_of(found.group())) <= 15
        if is_long and is_plain and _WORDS.before(text, found.start(), reach=_NEAR):
            yield _phone(text, found, "context")


def _landlines(text: str, is_chinese: bool) -> Iterator[PersonalData]:
    for found in _landline(text):
        said, is_separated = _said(text, found), bool(found.group("area") or found.group("sign"))
        if said or (said is None and is_separated and is_chinese):
            yield _phone(text, found, "context" if said else "form")
    for found in _service(text) if is_chinese else ():
        said = _said(text, found)
        if said or (said is None and "-" in found.group()):
            yield _phone(text, found, "context" if said else "form")


def _americans(text: str) -> Iterator[PersonalData]:
    for found in _american(text):
        bracket, sign, last = found.group("bracket", "sign", "last")
        if bracket is None and sign != last:
            continue  # 555 123-4567 is rather two numbers than one.
        said = _said(text, found)
        if said or (said is None and (bracket is not None or sign in ("-", "."))):
            yield _phone(text, found, "context" if said else "form")


def _said(text: str, found: re.Match[str]) -> bool | None:
    """Whether words speak for a number, against it (False), or say nothing (None)."""
    before = _WORDS.before(text, found.start())
    return True if before is None and _WORDS.is_after(text, found.end()) else before


def _phone(text: str, found: re.Match[str], evidence: Evidence) -> PersonalData:
    return found_at(text, *found.span(), "PHONE_NUMBER", evidence)


_date = re.compile(
    r"(?:19|20)[0-9]{2}[ .-][0-9]{1,2}[ .-][0-9]{1,2}|[0-9]{1,2}[ .-][0-9]{1,2}[ .-](?:19|"
    r"20)[0-9]{2}|(?:19|20)[0-9]{2}-(?:19|20)[0-9]{2}"
).match


def _is_date(piece: str) -> bool:
    return _date(piece) is not None
