"""One finding for each place: of those that overlap, one that covers them all.

What was found is never left out in part, as the rest of it would stay readable. Sorting is all that costs time, so many
findings are n log n.
"""

from collections.abc import Iterable, Sequence

from metier.text.personal_data.found import EVIDENCE, PersonalData


def without_overlaps(
    text: str, found: Iterable[PersonalData], order: Sequence[str]
) -> tuple[PersonalData, ...]:
    """Give findings in the order of the text, none of which overlap.

    Parameters
    ----------
    order : sequence of str
        Entities, those to prefer first where two findings have the same characters and evidence.
    """
    places = {entity: place for place, entity in enumerate(order)}
    kept: list[PersonalData] = []
    for one in sorted(
        found, key=lambda one: (one.start, -one.end, EVIDENCE.index(one.evidence), places[one.entity])
    ):
        if not kept or one.start >= kept[-1].end:
            kept.append(one)
        elif one.end > kept[-1].end:
            kept[-1] = _joined(text, kept[-1], one)
    return tuple(kept)


def _joined(text: str, one: PersonalData, other: PersonalData) -> PersonalData:
    """Give one that covers both, called as the one that more speaks for, or as the longer one."""
    best = min(one, other, key=lambda each: (EVIDENCE.index(each.evidence), each.start - each.end))
    return PersonalData(one.start, other.end, best.entity, text[one.start : other.end], best.evidence)
