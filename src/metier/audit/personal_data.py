"""Personal data in the rows: whoever is given the model or the report is given them, too."""

from collections import Counter
from collections.abc import Iterator, Sequence

from metier.audit.finding import MOST_EXAMPLES, Finding, examples_of, positions_of, shorten
from metier.data.rows import Rows
from metier.figures import count_of
from metier.text.personal_data import find_personal_data, masked

MOST_ROWS = 20_000  # Looked at: an even sample of more.
MOST_CHARACTERS = 5_000  # Of each text.
# What names nobody by itself: a name may be that of somebody famous, a place that of a shop.
INDIRECT = frozenset({"PERSON", "LOCATION", "IP_ADDRESS"})
BESIDE = ("text_pair", "question", "target")  # Roles whose texts are looked at beside the text.


def check_personal_data(rows: Rows) -> Iterator[Finding]:
    """Find rows with personal data: numbers of persons are a warning, names and addresses alone a note."""
    if not rows.has_texts:
        return
    positions = range(0, len(rows), -(-len(rows) // MOST_ROWS) or 1)
    some = rows if len(positions) == len(rows) else rows.take(positions)
    entities, found = Counter[str](), dict[int, str]()
    for position, texts in zip(positions, _texts_of(some), strict=True):
        own = [one.entity for text in texts for one in find_personal_data(text[:MOST_CHARACTERS])]
        if own:
            entities.update(own)
            found[position] = ", ".join(dict.fromkeys(own))
    if not found:
        return
    looked = f"{count_of(len(positions), 'row')} looked at of " if len(positions) < len(rows) else ""
    kinds = ", ".join(f"{entity} {number:,}" for entity, number in entities.most_common())
    rows_found = list(found)
    yield Finding(
        "personal-data",
        "note" if INDIRECT.issuperset(entities) else "warning",
        f"{count_of(len(found), 'row')} with personal data in {looked}{count_of(len(rows), 'row')}: {kinds}",
        positions_of(rows_found),
        rows.origin,
        _masked_examples(rows, rows_found, list(found.values())),
        "metier clean --personal-data replace",
        {"rows_looked_at": len(positions), "rows": len(found), "entities": dict(entities.most_common())},
    )


def _texts_of(rows: Rows) -> Iterator[tuple[str, ...]]:
    """Give the texts of each row: all turns of a conversation, or the text and those beside it."""
    if rows.roles.messages is not None:
        for turns in rows.column("messages"):
            yield tuple(turn["content"] for turn in turns or ())
        return
    beside = [rows.column(role) for role in BESIDE if role in rows.roles.named]
    for texts in zip(rows.texts, *beside, strict=True):
        yield tuple(text for text in texts if text)


def _masked_examples(
    rows: Rows, positions: Sequence[int], kinds: Sequence[str]
) -> tuple[dict[str, object], ...]:
    """Give examples that show of personal data what they are, and not which."""
    examples = examples_of(rows, positions, entity=kinds[:MOST_EXAMPLES])
    return tuple(
        {**example, "text": shorten(masked(rows.texts[position][:MOST_CHARACTERS]).text)}
        for example, position in zip(examples, positions, strict=False)
    )
