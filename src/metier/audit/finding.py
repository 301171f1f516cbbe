"""The result of a check: one problem of the rows, or one note."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from metier.data.rows import Rows
from metier.image.thumbnails import thumbnail_or_none

Severity = Literal["error", "warning", "note"]
MOST_EXAMPLES = 100
MOST_EXAMPLES_IN_JSON = 5
EXAMPLE_CHARACTERS = 200
MOST_ROW_NUMBERS = 1_000
PICTURE = "picture"


@dataclass(frozen=True)
class Finding:
    """One finding of one check.

    Parameters
    ----------
    check : str
        Name of the finding, as `metier check --show` takes it.
    severity : {"error", "warning", "note"}
        An error makes the scores wrong, a warning makes the model worse, a note is information.
    sentence : str
        What was found, in one sentence.
    rows : tuple of int
        Positions of the affected rows, from 0, in the rows of `origin`.
    origin : str
        Where the rows come from.
    examples : tuple of mapping
        Up to a hundred of them: `row` (number from 1), `text`, and values that explain the finding; the first few
        have their `picture`, where rows have images.
    remedy : str
        How to fix it: a flag, or a few words.
    facts : mapping
        The same as values, for JSON.
    """

    check: str
    severity: Severity
    sentence: str
    rows: tuple[int, ...] = ()
    origin: str = ""
    examples: tuple[Mapping[str, Any], ...] = ()
    remedy: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def plain_examples(self) -> tuple[dict[str, Any], ...]:
        """The examples without their pictures."""
        return tuple(
            {key: value for key, value in example.items() if key != PICTURE} for example in self.examples
        )

    def as_dict(self, *, with_pictures: bool = False) -> dict[str, Any]:
        """Give the finding as plain values: the first thousand row numbers, from 1, and five examples.

        Parameters
        ----------
        with_pictures : bool
            Whether examples get a small copy of their image.
        """
        shown = list(self.plain_examples[:MOST_EXAMPLES_IN_JSON])
        if with_pictures:
            shown = [one | _small(example) for one, example in zip(shown, self.examples, strict=False)]
        return {
            "check": self.check,
            "severity": self.severity,
            "sentence": self.sentence,
            "origin": self.origin,
            "n_rows": len(self.rows),
            "row_numbers": [row + 1 for row in self.rows[:MOST_ROW_NUMBERS]],
            "examples": shown,
            "remedy": self.remedy,
            "facts": dict(self.facts),
        }


def _small(example: Mapping[str, Any]) -> dict[str, Any]:
    small = thumbnail_or_none(example.get(PICTURE))
    return {} if small is None else {PICTURE: small.as_dict()}


def positions_of(rows: np.ndarray | Sequence[int]) -> tuple[int, ...]:
    """Turn an array of positions into a tuple of int."""
    return tuple(int(row) for row in rows)


def examples_of(
    rows: Rows, positions: Sequence[int], *, most: int = MOST_EXAMPLES, **more: Sequence[Any]
) -> tuple[dict[str, Any], ...]:
    """Give examples: row number from 1, text, label where there is one, and further values, one per position."""
    texts, shown = rows.texts, []
    labels = rows.table.column(rows.roles.label) if rows.roles.label else None
    for index, position in enumerate(positions[:most]):
        example: dict[str, Any] = {"row": int(position) + 1, "text": shorten(texts[int(position)])}
        if labels is not None:
            example["label"] = labels[int(position)].as_py()
        example.update({name: values[index] for name, values in more.items()})
        shown.append(example)
    if rows.has_images:
        first = rows.take(list(positions[:MOST_EXAMPLES_IN_JSON])).pictures
        for example, picture in zip(shown, first, strict=False):
            example[PICTURE] = picture
    return tuple(shown)


def shorten(text: str) -> str:
    """Give the start of a text on one line."""
    line = " ".join(text[: 2 * EXAMPLE_CHARACTERS].split())
    return line if len(line) <= EXAMPLE_CHARACTERS else line[: EXAMPLE_CHARACTERS - 1] + "…"
