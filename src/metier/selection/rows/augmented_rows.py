"""Augmentation of training rows: changed texts with the same targets.

Marked spans of a text (spans, the two entities of a relation, answers) are not changed, and their offsets follow
the text around them. Near duplicates of existing rows of any split are dropped: a copy adds no information, and a
near duplicate of a test row would be a leak.
"""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from metier.data.rows import Rows
from metier.errors import CallError
from metier.text.augmentation import Augmentation, Way
from metier.text.duplicates import near_duplicates
from metier.text.offsets import Offsets, apply_edits, move_offsets

# Higher than the threshold of near duplicates elsewhere: augmented texts are meant to be like their source.
NEAR_COPY = 0.9
OFFSET_ROLES = ("spans", "head", "tail", "answers")
# Roles whose target depends on single words of the text: whether two texts match, the target text.
DELICATE_ROLES = {"text_pair": "whether two texts match", "target": "the target text"}


@dataclass(frozen=True)
class Augmented:
    """Training rows and the rows added by augmentation.

    Parameters
    ----------
    rows : Rows
        The original rows, then the added ones.
    n_made, n_near : int
        Number of added rows, and of texts dropped as near duplicates.
    sources : ndarray of int64 of shape (n_made,)
        The training row that each was made from.
    """

    rows: Rows
    n_made: int
    n_near: int
    sources: np.ndarray


def check_augmentable(rows: Rows, augmentations: Sequence[Augmentation]) -> None:
    """Refuse augmentations that could change a target.

    Raises
    ------
    CallError
        With the augmentations that are safe.
    """
    if not rows.has_texts:
        raise CallError("Images cannot be augmented: --augment changes words. Remove --augment.")
    if rows.roles.messages is not None:
        raise CallError(
            "Conversations cannot be augmented: every turn depends on the turn before. Remove --augment."
        )
    bold = [each.name for each in augmentations if not each.keeps_meaning]
    for role, what in DELICATE_ROLES.items():
        if bold and role in rows.roles.named:
            raise CallError(
                f"{', '.join(bold)} could change {what}, and so the correct target. "
                "These only add typing errors and are safe: --augment keyboard,homophone,shape."
            )


def augment_rows(
    rows: Rows,
    ways: Sequence[tuple[Augmentation, Way]],
    *,
    held_out: Sequence[Rows] = (),
    random_state: int = 0,
) -> Augmented:
    """Augment training rows.

    Parameters
    ----------
    rows : Rows
        Training rows only.
    ways : sequence of (Augmentation, Way)
    held_out : sequence of Rows
        Validation and test rows: their near duplicates are not added.
    random_state : int

    Raises
    ------
    CallError
        If an augmentation could change the target of these rows.
    """
    check_augmentable(rows, [augmentation for augmentation, _ in ways])
    random = np.random.default_rng(random_state)
    made = list(_make(rows, ways, random))
    kept = [one for one, new in zip(made, _is_new(rows, held_out, made).tolist(), strict=True) if new]
    sources = np.array([source for source, *_ in kept], dtype=np.int64)
    return Augmented(_appended(rows, sources, kept), len(kept), len(made) - len(kept), sources)


# Source row, new text, how offsets move, and whether it differs from its source in a word on purpose.
Made = tuple[int, str, Callable[[Offsets], Offsets], bool]


def _is_new(rows: Rows, held_out: Sequence[Rows], made: Sequence[Made]) -> np.ndarray:
    """Tell new texts from copies: one that differs in a word on purpose is a copy of held-out rows, or word for word."""
    own = list(rows.texts)
    known = [*own, *(text for part in held_out for text in part.texts)]
    texts = [text for _, text, _, _ in made]
    ids = near_duplicates([*known, *texts], threshold=NEAR_COPY).ids
    new = ids[len(known) :] == np.arange(len(known), len(ids))
    leaks, seen = set(ids[len(own) : len(known)].tolist()), set(own)
    for place, (_, text, _, is_counterfactual) in enumerate(made):
        if is_counterfactual:
            new[place] = text not in seen and int(ids[len(known) + place]) not in leaks
            seen.add(text)
    return new


def _make(rows: Rows, ways: Sequence[tuple[Augmentation, Way]], random: np.random.Generator) -> Iterator[Made]:
    texts = list(rows.texts)
    marked = {role: rows.column(role) for role in OFFSET_ROLES if role in rows.roles.named}
    for augmentation, way in ways:
        for _ in range(augmentation.times):
            for number, text in enumerate(texts):
                kept = [pair for values in marked.values() for pair in _offsets(values[number])]
                edits = way(text, kept, random)
                if edits:
                    move = functools.partial(move_offsets, edits=edits)
                    yield number, apply_edits(text, edits), move, augmentation.is_counterfactual


def _offsets(value: Any) -> Iterator[Offsets]:
    """Give the offsets of a row's marked spans, whatever their role."""
    for piece in value if isinstance(value, list) else [value] if value else []:
        start = piece["start"]
        yield start, piece.get("end", start + len(piece.get("text", "")))


def _moved(value: Any, move: Callable[[Offsets], Offsets]) -> Any:
    if isinstance(value, list):
        return [_moved(piece, move) for piece in value]
    if not value:
        return value
    start, end = move(next(_offsets(value)))
    return value | ({"start": start, "end": end} if "end" in value else {"start": start})


def _appended(rows: Rows, sources: np.ndarray, made: Sequence[Made]) -> Rows:
    """Give the rows, followed by copies of the sources with their new texts and offsets."""
    added = rows.take(sources)
    columns: Mapping[str, list[Any]] = {rows.roles.text: [text for _, text, *_ in made]}
    for role in OFFSET_ROLES:
        name = rows.roles.column_of(role)
        if name is not None:
            moved = [
                _moved(value, move) for value, (_, _, move, _) in zip(added.column(role), made, strict=True)
            ]
            columns = {**columns, name: moved}
    table = added.table
    for name, values in columns.items():
        field = table.schema.field(name)
        table = table.set_column(table.schema.get_field_index(name), field, pa.array(values, type=field.type))
    whole = pa.concat_tables([rows.table, table])
    return Rows(whole, rows.roles, origin=rows.origin, notes=rows.notes, separator=rows.separator)
