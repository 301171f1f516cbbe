"""A text that is written for each row."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from metier.errors import DataError
from metier.tasks.answer_batches import RecordAnswers
from metier.tasks.answers.kind import Seed, first_split, stratified_folds
from metier.tasks.examples import Examples

Target = str | list[str]


@dataclass(frozen=True)
class TextDecoder:
    """Texts as they were written."""

    labels: tuple[str, ...] = ()

    def answer(self, logits: Sequence[str], name: str) -> RecordAnswers:
        """Give written texts in the name of a method."""
        return RecordAnswers(list(logits), [{"text": text} for text in logits], (name,) * len(logits))

    def settings(self) -> dict[str, Any]:
        """Give what `predictor.json` keeps."""
        return {"labels": []}

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """Read what `settings` gave."""
        return cls()

    @property
    def chosen(self) -> dict[str, Any]:
        """What validation chose: nothing."""
        return {}


@dataclass(frozen=True)
class WrittenText:
    """A text a row; the truth is a list of str, or of lists of str where several texts are right."""

    name: str = "written_text"
    losses: tuple[str, ...] = ("next_token",)
    terms: tuple[str, ...] = ()
    ensembles: tuple[str, ...] = ()

    def check(
        self, items: Sequence[Any], y: Any, *, known: Examples | None = None, origin: str = "these rows"
    ) -> Examples:
        """Give the texts that items are to be answered with.

        Raises
        ------
        ValueError
            If there is not one target for each item.
        DataError
            If a row has no text to learn from.
        """
        if y is None or isinstance(y, str):
            raise ValueError("Expected one text to be written for each item, in a list. Give it as y.")
        targets = list(y)
        if len(items) != len(targets):
            raise ValueError(
                f"Expected one target for each item, found {len(items)} items and {len(targets)} targets."
            )
        for row, target in enumerate(map(_first, targets), start=1):
            if not isinstance(target, str) or not target.strip():
                raise DataError(
                    f"Row {row} of {origin} has no text as its target, but {target!r:.60}. "
                    "Write it, or leave the row out."
                )
        return Examples(items, targets)

    def folds(self, examples: Examples, *, random_state: Seed) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Give positions (kept, held out)."""
        yield from stratified_folds(np.zeros(len(examples), dtype=np.int64), random_state=random_state)

    def held_out(self, examples: Examples, *, random_state: Seed) -> tuple[Examples, Examples] | None:
        """Give examples to learn from and to choose on; None where there is one row."""
        return first_split(examples, self.folds(examples, random_state=random_state))

    def training_targets(self, examples: Examples) -> list[str]:
        """Give the text that is learned for each row: the first of the right ones."""
        return [str(_first(target)) for target in examples.truth]

    def read_decoder(self, settings: Mapping[str, Any]) -> TextDecoder:
        """Read a decoder from `predictor.json`."""
        return TextDecoder.of(settings)

    def is_correct(self, answers: Any, examples: Examples) -> np.ndarray:
        """Say which rows have one of their right texts, word for word."""
        pairs = zip(answers.predicted, examples.truth, strict=True)
        return np.array(
            [text in (true if isinstance(true, list) else [true]) for text, true in pairs], dtype=bool
        )


WRITTEN_TEXT = WrittenText()


def _first(target: Any) -> Any:
    return target[0] if isinstance(target, list) and target else target
