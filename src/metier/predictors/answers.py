"""The contract that every predictor keeps."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, Self

from metier.tasks.answer_batches import DIGITS, AnswerBatch, Answers, LabelSetAnswers, RecordAnswers

__all__ = ["DIGITS", "AnswerBatch", "Answers", "LabelSetAnswers", "Predictor", "RecordAnswers"]


class Predictor(Protocol):
    """Answers from files: thread-safe, no global state, bounded memory, no torch."""

    name: str
    labels: tuple[str, ...]

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load from a folder that a method's `export` wrote. `threads` is for one call, not for the process."""
        ...

    def predict(self, items: Sequence[Any], /) -> AnswerBatch:
        """Answer texts, or what the task asks about instead; a long sequence is worked off in batches."""
        ...
