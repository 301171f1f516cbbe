"""Numbers of payment cards: a number of a known issuer whose check digit holds."""

import re
from collections.abc import Iterator

from metier.text.personal_data.context import Context, is_price
from metier.text.personal_data.found import PersonalData, found_at

CARD_WORDS = Context(
    "card|cards|card number|card no|card ending|credit card|debit card|visa|mastercard|amex|american express|discover|jcb|"
    "diners|maestro|unionpay|pan|cc|cvv|charge|charged",
    "卡号|银行卡|信用卡|借记卡|储蓄卡|卡片|银联卡|刷卡|尾号|卡",
)
# Groups as they stand on cards, or no groups.
_numbers = re.compile(
    r"(?<![0-9A-Za-z_])(?<![0-9][.,-])(?:[0-9]{4}(?P<sign>[ "
    r"-])[0-9]{4}(?P=sign)[0-9]{4}(?P=sign)[0-9]{4}(?:(?P=sign)[0-9]{1,3})?"
    r"|[0-9]{4}([ -])[0-9]{6}\2[0-9]{4,5}|[0-9]{12,19})(?![0-9A-Za-z_]|[.,-][0-9])"
).finditer
# Issuers by their first digits, and the lengths of their numbers (ISO/IEC 7812).
_ISSUERS = (
    (re.compile("4"), (13, 16, 19)),
    (re.compile("5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720"), (16,)),
    (re.compile("3[47]"), (15,)),
    (re.compile("6011|65|64[4-9]"), (16, 19)),
    (re.compile("35"), (16, 17, 18, 19)),
    (re.compile("2131|1800"), (15,)),
    (re.compile("3(?:0[0-59]|[689])"), (14, 16)),
    (re.compile("50(?:18|20|38)|5[6-8]|6(?:304|39|759|76[1-3]|7)|0604|6390"), (12, 13, 14, 15, 16, 17, 18, 19)),
)
_CHINESE = re.compile("62|60|955")  # UnionPay, and older cards of Chinese banks.


def find_payment_card(text: str) -> Iterator[PersonalData]:
    """Find card numbers: `CN_BANK_CARD` for those of UnionPay, `CREDIT_CARD` for others."""
    for found in _numbers(text):
        digits = digits_of(found.group())
        if not passes_luhn(digits) or len(set(digits)) < 2 or is_price(text, found.start()):
            continue
        entity = "CN_BANK_CARD" if is_union_pay(digits) else "CREDIT_CARD" if _is_issued(digits) else None
        # One number in ten passes the check: a word for something else before it speaks against it.
        if entity is None or CARD_WORDS.before(text, found.start()) is False:
            continue
        yield found_at(text, *found.span(), entity, "checksum")


def is_union_pay(digits: str) -> bool:
    """Whether a number begins as those of UnionPay do, and is as long."""
    return 16 <= len(digits) <= 19 and _CHINESE.match(digits) is not None and digits[:4] != "6011"


def _is_issued(digits: str) -> bool:
    return any(len(digits) in lengths and first.match(digits) for first, lengths in _ISSUERS)


def digits_of(piece: str) -> str:
    """Give the digits of a piece, without what separates them."""
    return "".join(sign for sign in piece if "0" <= sign <= "9")


def passes_luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of the others (ISO/IEC 7812-1, the formula of Luhn, 1954)."""
    total = 0
    for place, sign in enumerate(reversed(digits)):
        value = ord(sign) - 48
        if place % 2:
            value = value * 2 - 9 if value > 4 else value * 2
        total += value
    return total % 10 == 0
