"""A text without its personal data, and where each of its characters stood before."""

from collections.abc import Sequence
from dataclasses import dataclass

from metier.text.offset_map import OffsetMap
from metier.text.offsets import Edit, apply_edits
from metier.text.personal_data.finding import find_personal_data
from metier.text.personal_data.found import PersonalData
from metier.text.personal_data.operators import build_operator


@dataclass(frozen=True)
class Masked:
    """A text without its personal data.

    Parameters
    ----------
    text : str
    found : tuple of PersonalData
        What was taken out, with offsets of the text before.
    offsets : OffsetMap
        From the text before to this one and back.
    """

    text: str
    found: tuple[PersonalData, ...]
    offsets: OffsetMap


def masked(
    text: str,
    *,
    operator: str = "replace",
    key: bytes | None = None,
    language: str | None = None,
    entities: Sequence[str] | None = None,
    with_model: bool = False,
) -> Masked:
    """Take the personal data out of a text.

    Parameters
    ----------
    operator, key
        As in `build_operator`.
    language, entities, with_model
        As in `find_personal_data`.

    Raises
    ------
    UnknownNameError
        If there is no such operator, entity or language.
    CallError
        If `hash` has no key, or a short one.
    MissingExtraError
        If the model is wanted and not installed.
    """
    write = build_operator(operator, key=key)
    found = find_personal_data(text, language=language, entities=entities, with_model=with_model)
    edits = [Edit(one.start, one.end, write(one)) for one in found]
    return Masked(apply_edits(text, edits), found, OffsetMap(edits))
