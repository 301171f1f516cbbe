"""Personal data in texts: found by checksum, by context or by form, and replaced, masked, hashed or redacted."""

from metier.text.personal_data.finding import find_personal_data
from metier.text.personal_data.found import PersonalData
from metier.text.personal_data.masking import Masked, masked
from metier.text.personal_data.operators import OPERATORS
from metier.text.personal_data.recognisers import ENTITIES

__all__ = ["ENTITIES", "OPERATORS", "Masked", "PersonalData", "find_personal_data", "masked"]
