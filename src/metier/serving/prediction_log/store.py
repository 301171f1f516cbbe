"""What a service asks of the store of predictions, opened where there is one.

What it is written with (`PredictionLog`, SQLAlchemy) is not loaded by a service that keeps nothing.
"""

import pkgutil
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

from metier.serving.prediction_log.records import Feedback, Prediction


class Store(Protocol):
    """A store of predictions; see `PredictionLog`."""

    def write(self, predictions: Sequence[Prediction], *, may_be_there: bool = False) -> int:
        """Store predictions."""
        ...

    def add_feedback(self, said: Feedback) -> None:
        """Store what was said about an answer."""
        ...

    def find(self, prediction_id: str) -> Prediction | None:
        """Give a prediction with its feedback."""
        ...

    def shadows_of(self, prediction_id: str) -> list[Prediction]:
        """Give the answers to the same question that nobody was given."""
        ...

    def remove_before(self, time: datetime) -> int:
        """Remove what is older."""
        ...

    def close(self) -> None:
        """Close it."""
        ...


def open_store(where: Path | str, *, wait_seconds: float = 5.0) -> Store:
    """Open a store; raises as `PredictionLog` does."""
    log: Store = pkgutil.resolve_name("metier.serving.prediction_log.prediction_log:PredictionLog")(
        where, wait_seconds=wait_seconds
    )
    return log
