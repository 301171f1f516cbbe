"""One piece of a text that is personal data, and what speaks for it."""

from dataclasses import dataclass
from typing import Literal

# From the strongest to the weakest. `form`: a form that hardly anything else has, as an e-mail address.
Evidence = Literal["checksum", "context", "form", "lists", "model"]
EVIDENCE: tuple[Evidence, ...] = ("checksum", "context", "form", "lists", "model")


@dataclass(frozen=True)
class PersonalData:
    """One piece of a text that is personal data.

    Parameters
    ----------
    start, end : int
        In characters of the text, the end exclusive.
    entity : str
        What it is, by the names of Presidio where it has one: `EMAIL_ADDRESS`, `PERSON`, `CN_ID_CARD`.
    text : str
        The piece itself.
    evidence : {"checksum", "context", "form", "lists", "model"}
        What speaks for it: a checksum that holds, a word beside it, its form alone, lists of names, or a model.
    """

    start: int
    end: int
    entity: str
    text: str
    evidence: Evidence


def found_at(text: str, start: int, end: int, entity: str, evidence: Evidence) -> PersonalData:
    """Give what was found between two places of a text."""
    return PersonalData(start, end, entity, text[start:end], evidence)
