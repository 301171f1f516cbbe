"""Golden rows: questions that a release must answer right, every one; no interval, and no luck."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metier.bundles import Model
from metier.errors import CallError
from metier.progress import Listener, ignore
from metier.selection.labelled_rows import LabelledRows, labelled_rows

SEALED = 50  # Golden rows that a manifest keeps: whoever loads the bundle asks them all.
SHOWN = 200  # Characters of a question in the list of those that are answered wrong.


@dataclass(frozen=True)
class GoldenRow:
    """A golden row that is answered wrong.

    Parameters
    ----------
    row : int
        Its number in the file, from 1.
    asked : str
    expected, answered : Any
        As the metrics of the task take them.
    """

    row: int
    asked: str
    expected: Any
    answered: Any

    def as_dict(self) -> dict[str, Any]:
        """Give it as plain values, for JSON."""
        expected, answered = str(self.expected), str(self.answered)
        return {"row": self.row, "asked": self.asked, "expected": expected, "answered": answered}


def read_golden(model: Model, path: Path) -> LabelledRows:
    """Read golden rows; nothing is asked yet.

    Raises
    ------
    CallError
        If answers of the task are numbers or texts, which are not simply right or wrong.
    DataError
        If the rows cannot be asked.
    """
    if not model.answer_kind.has_labels:
        raise CallError(
            f"{path}: golden rows need answers that are right or wrong, and those of {model.name} are not labels. Leave "
            "golden out, and give a condition on a metric instead."
        )
    return labelled_rows(model, path)


def wrong_rows(model: Model, given: LabelledRows, *, listener: Listener = ignore) -> tuple[GoldenRow, ...]:
    """Give the rows that are not answered as they should be, in the order of the file."""
    answered, _ = given.answered(model, listener=listener)
    asked: Sequence[str] = given.rows.texts if given.rows.has_texts else [""] * len(given.rows)
    return tuple(
        GoldenRow(number, text[:SHOWN], expected, found)
        for number, (text, expected, found) in enumerate(
            zip(asked, given.scores.targets, answered.predicted, strict=True), 1
        )
        if expected != found
    )


def sealed_rows(model: Model, given: LabelledRows, wrong: Sequence[GoldenRow]) -> list[dict[str, Any]]:
    """Give the first golden rows that were answered right, as `question` and `answer`, for whoever loads the bundle to ask.

    Those whose question JSON cannot hold, such as a picture, are left out.
    """
    missed = {one.row - 1 for one in wrong}
    every = enumerate(model.input_kind.from_rows(given.rows))
    questions = [one for place, one in every if place not in missed and _is_plain(one)][:SEALED]
    answers = model.predict(questions).predicted if questions else []
    pairs = zip(questions, answers, strict=True)
    return [{"question": question, "answer": answer} for question, answer in pairs if _is_plain(answer)]


def _is_plain(value: Any) -> bool:
    try:
        json.dumps(value)
    except TypeError:
        return False
    return True
