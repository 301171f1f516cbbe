"""The table of recognisers: what each finds, in texts of which language, and what a text must hold for it to look."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from metier.text.personal_data.address_en import find_address_en
from metier.text.personal_data.address_zh import find_address_zh
from metier.text.personal_data.bank_account import find_bank_account, find_iban
from metier.text.personal_data.email import find_email
from metier.text.personal_data.found import PersonalData
from metier.text.personal_data.identity_documents import find_cn_id_card, find_passport, find_us_ssn
from metier.text.personal_data.ip_address import find_ip_address
from metier.text.personal_data.licence_plate import find_licence_plate
from metier.text.personal_data.name_en import find_name_en
from metier.text.personal_data.name_model import find_name_by_model
from metier.text.personal_data.name_zh import find_name_zh
from metier.text.personal_data.payment_card import find_payment_card
from metier.text.personal_data.phone import find_phone

Find = Callable[[str], Iterator[PersonalData]]


@dataclass(frozen=True)
class Recogniser:
    """What finds one kind of personal data.

    Parameters
    ----------
    entities : tuple of str
        What it may find.
    find : callable
        Takes a text whose signs have their plain width, and gives what it finds, in any order.
    needs : str
        A regular expression; a text without a match has nothing to be found.
    languages : tuple of str
        Languages of texts that it reads; empty: of all.
    is_model : bool
        Whether it needs a model, and is asked only where one is wanted.
    """

    entities: tuple[str, ...]
    find: Find
    needs: str
    languages: tuple[str, ...] = ()
    is_model: bool = False

    def may_find(self, text: str) -> bool:
        """Whether a text holds what this looks for at all."""
        return re.search(self.needs, text) is not None


_DIGITS = "[0-9]{4}"
_HAN = "[\u4e00-\u9fff]"
# In the order of preference between findings of the same characters.
RECOGNISERS = (
    Recogniser(("CN_ID_CARD",), find_cn_id_card, "[0-9]{3}"),
    Recogniser(("IBAN_CODE",), find_iban, "[A-Z]{2}[0-9]{2}"),
    Recogniser(("CREDIT_CARD", "CN_BANK_CARD"), find_payment_card, _DIGITS),
    Recogniser(("US_SSN",), find_us_ssn, _DIGITS),
    Recogniser(("CN_PASSPORT", "US_PASSPORT"), find_passport, "[0-9]{7}"),
    Recogniser(("CN_BANK_ACCOUNT", "US_BANK_NUMBER", "CN_BANK_CARD"), find_bank_account, _DIGITS),
    Recogniser(("PHONE_NUMBER",), find_phone, "[0-9]{2}"),
    Recogniser(("EMAIL_ADDRESS",), find_email, "@"),
    Recogniser(("IP_ADDRESS",), find_ip_address, r"[.:][0-9A-Fa-f]{0,4}[.:]"),
    Recogniser(("CN_LICENSE_PLATE", "US_LICENSE_PLATE"), find_licence_plate, "[0-9]"),
    Recogniser(("LOCATION",), find_address_zh, _HAN, ("zh",)),
    Recogniser(("LOCATION",), find_address_en, "[0-9]", ("en",)),
    Recogniser(("PERSON",), find_name_zh, _HAN, ("zh",)),
    Recogniser(("PERSON",), find_name_en, "[A-Za-z]{2}", ("en",)),
    Recogniser(("PERSON",), find_name_by_model, "[A-Z]", ("en",), is_model=True),
)
ENTITIES = tuple(dict.fromkeys(entity for recogniser in RECOGNISERS for entity in recogniser.entities))
