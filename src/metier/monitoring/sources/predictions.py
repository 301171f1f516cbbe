"""What the service was asked and has answered: its own store of predictions, in the order in which they were stored."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field

from metier.errors import PredictionLogError, SourceError
from metier.monitoring.given_paths import GivenPath
from metier.monitoring.messages import Batch, Message, Position, Refused
from metier.monitoring.sources.columns import MessageReader, SourceSettings, batch_of
from metier.serving.prediction_log import Prediction, PredictionLog

Counted = Literal["label", "model", "version", "answered_by", "caller"]


class PredictionsSettings(SourceSettings, frozen=True):
    """The predictions that a service keeps."""

    kind: Literal["predictions"] = "predictions"
    path: GivenPath | None = Field(default=None, description="Folder that the service was started with.")
    url: str | None = Field(default=None, description="Or the URL of its database.")
    model: str | None = Field(default=None, description="Questions to this model alone.")
    by: tuple[Counted, ...] = Field(
        default=("label",),
        description="What of a prediction messages are counted by: what it answered needs no model here.",
    )


def build_source(settings: PredictionsSettings) -> "Predictions":
    """Give the source of these settings."""
    return Predictions(settings)


class Predictions:
    """Reads a store of predictions; the position is the number of the last one.

    Its subjects are digests with the secret of that store, and are not known here.
    """

    def __init__(self, settings: PredictionsSettings):
        self.name = settings.called
        self._settings = settings
        self._reader = MessageReader(settings)
        self._log: PredictionLog | None = None

    def read(self, position: Position | None) -> Iterator[Batch]:
        """Give what was asked after a position."""
        try:
            log = self._opened()
            batches = log.read(
                after=position or 0, model=self._settings.model, batch_rows=self._settings.batch_messages
            )
            for batch in batches:
                yield batch_of([self._message(one) for one in batch], batch[-1].number)
        except PredictionLogError as error:
            raise SourceError(str(error)) from None

    def _opened(self) -> PredictionLog:
        if self._log is None:
            where: Path | str | None = self._settings.url or self._settings.path
            if where is None:
                raise SourceError(f"The source {self.name} names no store. Set: path, or url")
            if isinstance(where, Path) and not where.is_dir():
                raise SourceError(
                    f"There are no predictions in {where}. Start the service with them: metier serve --help"
                )
            self._log = PredictionLog(where)
        return self._log

    def _message(self, one: Prediction) -> Message | Refused:
        place = f"prediction {one.id}"
        if not one.text:
            return self._reader.refuse(place, f"The {place} keeps no text. Have the service keep texts.")
        facts = vars(one) | {"label": one.label}
        fields = {str(name): facts[name] for name in self._settings.by}
        by = {name: str(value)[:100] for name, value in fields.items() if value is not None}
        return Message(one.id, one.text, one.at, self.name, {**self._settings.constants, **by})

    def acknowledge(self, position: Position) -> None:
        """Nothing is kept of it here: the position is all."""

    def close(self) -> None:
        """Close the store."""
        if self._log is not None:
            self._log.close()
