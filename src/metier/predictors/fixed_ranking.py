"""One ranking for every query: `fixed_ranking.v1`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from metier.predictors.loading import as_bundle_error, read_settings, write_settings
from metier.tasks.answer_batches import DIGITS, RecordAnswers

KIND = "fixed_ranking.v1"


class FixedRankingPredictor:
    """Gives the same matches whatever is asked. Safe to share between threads.

    Parameters
    ----------
    matches : sequence of dict
        Each with `id`, `text`, `score`, and of an image its `image`; the best first.
    name : str
        Versioned name of the method that left this predictor.
    """

    labels: tuple[str, ...] = ()

    def __init__(self, matches: Sequence[dict[str, Any]], *, name: str = KIND):
        self.matches = [{**match, "score": round(match["score"], DIGITS)} for match in matches]
        self.name = name

    def predict(self, items: Sequence[Any]) -> RecordAnswers:
        """Give the matches for each item."""
        ids = [match["id"] for match in self.matches]
        predicted = [list(ids) for _ in items]
        records = [{"matches": list(self.matches)} for _ in items]
        return RecordAnswers(predicted, records, (self.name,) * len(items), ranked="matches")

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load what `save` wrote; raises `BundleError` where it is broken."""
        settings = read_settings(folder)
        with as_bundle_error(folder, "does not hold a complete ranking"):
            return cls(settings["matches"], name=settings["name"])

    def save(self, folder: Path) -> None:
        """Write the file that `load` reads."""
        folder.mkdir(parents=True, exist_ok=True)
        write_settings(folder, {"kind": KIND, "name": self.name, "labels": [], "matches": self.matches})
