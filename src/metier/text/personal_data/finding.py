"""Find the personal data in a text."""

from collections.abc import Iterator, Sequence

from metier.errors import UnknownNameError
from metier.text.normalisation import plain_width
from metier.text.personal_data.found import PersonalData
from metier.text.personal_data.overlaps import without_overlaps
from metier.text.personal_data.recognisers import ENTITIES, RECOGNISERS

LANGUAGES = ("en", "zh")


def find_personal_data(
    text: str, *, language: str | None = None, entities: Sequence[str] | None = None, with_model: bool = False
) -> tuple[PersonalData, ...]:
    """Find personal data in a text; none of what is found overlaps.

    A number counts where its checksum holds, where a word beside it says what it is, or where hardly anything else has
    its form; otherwise it is left. Time grows with the length of the text, and nothing else.

    Parameters
    ----------
    text : str
    language : {"en", "zh"}, optional
        Language of names and addresses; None: both are looked for.
    entities : sequence of str, optional
        What to look for, of `ENTITIES`; None: all.
    with_model : bool, default=False
        Whether spaCy's model reads English texts for names as well, which takes milliseconds a text and imports torch
        where that is installed.

    Returns
    -------
    tuple of PersonalData
        In the order of the text, with offsets in its characters.

    Raises
    ------
    UnknownNameError
        If there is no such entity or language.
    MissingExtraError
        If the model is wanted and not installed.
    """
    wanted = check_entities(entities)
    if language is not None and language not in LANGUAGES:
        raise UnknownNameError("language", language, known=LANGUAGES)
    plain = plain_width(text)
    found = [one for one in _found(plain, language, with_model) if one.entity in wanted]
    apart = without_overlaps(text, found, ENTITIES)
    return tuple(
        PersonalData(one.start, one.end, one.entity, text[one.start : one.end], one.evidence) for one in apart
    )


def check_entities(entities: Sequence[str] | None) -> frozenset[str]:
    """Give the entities that are wanted.

    Raises
    ------
    UnknownNameError
        If one of them is none.
    """
    for entity in entities or ():
        if entity not in ENTITIES:
            raise UnknownNameError("kind of personal data", entity, known=ENTITIES)
    return frozenset(ENTITIES if entities is None else entities)


def _found(text: str, language: str | None, with_model: bool) -> Iterator[PersonalData]:
    for recogniser in RECOGNISERS:
        is_read = language is None or not recogniser.languages or language in recogniser.languages
        if is_read and (with_model or not recogniser.is_model) and recogniser.may_find(text):
            yield from recogniser.find(text)
