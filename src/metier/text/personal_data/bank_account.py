"""Numbers of bank accounts: international ones by their check digits, others by the words before them."""

import re
from collections.abc import Iterator

from metier.text.personal_data.context import Context, is_price
from metier.text.personal_data.found import PersonalData, found_at
from metier.text.personal_data.payment_card import digits_of, is_union_pay, passes_luhn

_WORDS = Context(
    "account|account number|account no|account #|acct|acct no|acct number|a/c|bank account|checking|"
    "savings|checking account|"
    "savings account|routing number|routing|deposit to|wire to",
    "账号|帐号|账户|帐户|银行账号|银行账户|银行卡号|银行卡|卡号|对公账户|收款账号|打款到|汇到|转到|存折",
)
_numbers = re.compile(
    r"(?<![0-9A-Za-z_])(?<![0-9][.,-])(?:[0-9]{4}(?: [0-9]{3,4}){2,4}|[0-9]{6,22})(?![0-9A-Za-z_]|[.,-][0-9])"
).finditer
_has_han = re.compile("[\u4e00-\u9fff]").search
_SHORTEST, _LONGEST = 6, 17
_SHORTEST_CHINESE, _LONGEST_CHINESE = 9, 22


def find_bank_account(text: str) -> Iterator[PersonalData]:
    """Find numbers of accounts: `US_BANK_NUMBER` in English, `CN_BANK_ACCOUNT` or `CN_BANK_CARD` in Chinese."""
    for found in _numbers(text):
        digits, start = digits_of(found.group()), found.start()
        if is_price(text, start) or not _WORDS.before(text, start, reach=30):
            continue
        if _has_han(text[max(0, start - 30) : start]):
            if _SHORTEST_CHINESE <= len(digits) <= _LONGEST_CHINESE:
                said = "卡" in text[max(0, start - 30) : start] or passes_luhn(digits)
                entity = "CN_BANK_CARD" if is_union_pay(digits) and said else "CN_BANK_ACCOUNT"
                yield found_at(text, *found.span(), entity, "context")
        elif _SHORTEST <= len(digits) <= _LONGEST:
            yield found_at(text, *found.span(), "US_BANK_NUMBER", "context")


_candidates = re.compile(
    r"(?<![A-Za-z0-9])[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?(?![A-Za-z0-9])"
).finditer
# Length by country (ISO 13616, the registry of SWIFT).
_LENGTHS = dict(
    re.findall(
        "([A-Z]{2}):([0-9]{2})",
        "AD:24 AE:23 AL:28 AT:20 AZ:28 BA:20 BE:16 BG:22 BH:22 BR:29 BY:28 CH:21 CR:22 CY:28 CZ:24 DE:22 DK:18 DO:28 "
        "EE:20 EG:29 ES:24 FI:18 FO:18 FR:27 GB:22 GE:22 GI:23 GL:18 GR:27 GT:28 HR:21 HU:28 IE:22 IL:23 IQ:23 IS:26 "
        "IT:27 JO:30 KW:30 KZ:20 LB:28 LC:32 LI:21 LT:20 LU:20 LV:21 LY:25 MC:27 MD:24 ME:22 MK:19 MR:27 MT:31 MU:30 "
        "NL:18 NO:15 PK:24 PL:28 PS:29 PT:25 QA:29 RO:24 RS:22 SA:24 SC:31 SD:18 SE:24 SI:19 SK:24 SM:27 ST:25 SV:28 "
        "TL:23 TN:24 TR:26 UA:29 VA:22 VG:24 XK:20 ",
    )
)


def find_iban(text: str) -> Iterator[PersonalData]:
    """Find international bank account numbers."""
    for found in _candidates(text):
        # What follows after a space may be another word in capitals.
        for end in _ends(found.group()):
            if _is_valid(found.group()[:end].replace(" ", "")):
                yield found_at(text, found.start(), found.start() + end, "IBAN_CODE", "checksum")
                break


def _ends(piece: str) -> list[int]:
    return [len(piece), *(place for place in range(len(piece) - 1, 14, -1) if piece[place] == " ")]


def _is_valid(code: str) -> bool:
    if _LENGTHS.get(code[:2]) != str(len(code)):
        return False
    moved = code[4:] + code[:4]
    return int("".join(str(int(sign, 36)) for sign in moved)) % 97 == 1
