"""More training rows out of training rows: other texts under the same targets.

Marked pieces of a text (spans, the two entities of a relation, answers) are left as they are and their places follow
the text around them. What comes out nearly as a row that is there already, of whatever split, is left out: a copy
teaches nothing, and a near copy of a test row would be a leak.
"""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from metier.data.duplicates import near_duplicates
from metier.data.rows import Rows
from metier.errors import CallError
from metier.text.augmentation import Augmentation, Way
from metier.text.edits import Place, apply_edits, move_place

# Above the similarity at which rows count as near duplicates elsewhere: made texts are meant to be like their source.
NEAR_COPY = 0.9
PLACED_ROLES = ("spans", "head", "tail", "answers")
# Of these the target hangs on single words of the text: whether two texts match, what is to be written.
DELICATE_ROLES = {"text_pair": "whether two texts match", "target": "the text that is to be written"}


@dataclass(frozen=True)
class Augmented:
    """Training rows and what was made of them.

    Parameters
    ----------
    rows : Rows
        The rows as they were, then the made ones.
    n_made, n_near : int
        Rows that were added, and texts that were left out as near copies.
    sources : ndarray of int64 of shape (n_made,)
        The training row each was made of.
    """

    rows: Rows
    n_made: int
    n_near: int
    sources: np.ndarray


def check_augmentable(rows: Rows, asked: Sequence[Augmentation]) -> None:
    """Refuse what could change a target.

    Raises
    ------
    CallError
        With the ways that would not.
    """
    if rows.roles.messages is not None:
        raise CallError(
            "Conversations cannot be augmented: every turn answers the words of the one before. Leave out --augment."
        )
    bold = [each.name for each in asked if not each.keeps_meaning]
    for role, what in DELICATE_ROLES.items():
        if bold and getattr(rows.roles, role) is not None:
            raise CallError(
                f"{', '.join(bold)} could change {what}, and with it the right answer. "
                "These only mistype, and fit: --augment keyboard,homophone,shape."
            )


def augment_rows(
    rows: Rows,
    ways: Sequence[tuple[Augmentation, Way]],
    *,
    away: Sequence[Rows] = (),
    random_state: int = 0,
) -> Augmented:
    """Make more rows of training rows.

    Parameters
    ----------
    rows : Rows
        Training rows only.
    ways : sequence of (Augmentation, Way)
    away : sequence of Rows
        Validation and test rows: nothing like them is added.
    random_state : int

    Raises
    ------
    CallError
        If a way could change the target of these rows.
    """
    check_augmentable(rows, [asked for asked, _ in ways])
    random = np.random.default_rng(random_state)
    made = list(_make(rows, ways, random))
    known = [text for part in (rows, *away) for text in part.texts]
    clusters = near_duplicates([*known, *(text for _, text, _ in made)], threshold=NEAR_COPY)
    is_new = clusters.ids[len(known) :] == np.arange(len(known), len(known) + len(made))
    kept = [one for one, new in zip(made, is_new.tolist(), strict=True) if new]
    sources = np.array([source for source, _, _ in kept], dtype=np.int64)
    return Augmented(_joined(rows, sources, kept), len(kept), len(made) - len(kept), sources)


Made = tuple[int, str, Callable[[Place], Place]]  # Source row, text, and where its pieces went.


def _make(rows: Rows, ways: Sequence[tuple[Augmentation, Way]], random: np.random.Generator) -> Iterator[Made]:
    texts = list(rows.texts)
    marked = {role: rows.column(role) for role in PLACED_ROLES if getattr(rows.roles, role) is not None}
    for asked, way in ways:
        for _ in range(asked.times):
            for number, text in enumerate(texts):
                kept = [place for values in marked.values() for place in _places(values[number])]
                edits = way(text, kept, random)
                if edits:
                    yield number, apply_edits(text, edits), functools.partial(move_place, edits=edits)


def _places(value: Any) -> Iterator[Place]:
    """Give the places of a row's marked pieces, whatever role they play."""
    for piece in value if isinstance(value, list) else [value] if value else []:
        start = piece["start"]
        yield start, piece.get("end", start + len(piece.get("text", "")))


def _moved(value: Any, move: Callable[[Place], Place]) -> Any:
    if isinstance(value, list):
        return [_moved(piece, move) for piece in value]
    if not value:
        return value
    start, end = move(next(_places(value)))
    return value | ({"start": start, "end": end} if "end" in value else {"start": start})


def _joined(rows: Rows, sources: np.ndarray, made: Sequence[Made]) -> Rows:
    """Give the rows, and behind them copies of the sources with their new texts and places."""
    added = rows.take(sources)
    columns: Mapping[str, list[Any]] = {rows.roles.text: [text for _, text, _ in made]}
    for role in PLACED_ROLES:
        name = getattr(rows.roles, role)
        if name is not None:
            moved = [_moved(value, move) for value, (_, _, move) in zip(added.column(role), made, strict=True)]
            columns = {**columns, name: moved}
    table = added.table
    for name, values in columns.items():
        field = table.schema.field(name)
        table = table.set_column(table.schema.get_field_index(name), field, pa.array(values, type=field.type))
    whole = pa.concat_tables([rows.table, table])
    return Rows(whole, rows.roles, origin=rows.origin, notes=rows.notes, separator=rows.separator)
