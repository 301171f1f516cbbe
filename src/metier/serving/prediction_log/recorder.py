"""What the endpoints of a service tell the store of predictions, and ask it; without one they give ids all the same."""

import asyncio
import functools
import weakref
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from starlette.requests import Request

from metier.bundles import Bundle
from metier.errors import PredictionLogError
from metier.registry.fingerprint import fingerprint_of
from metier.serving.guards.key_check import Caller
from metier.serving.guards.middleware import ANYBODY
from metier.serving.models import Model
from metier.serving.prediction_log.ids import is_prediction_id, new_prediction_ids, time_of
from metier.serving.prediction_log.kept_texts import kept_comment
from metier.serving.prediction_log.records import Feedback, Prediction
from metier.serving.prediction_log.settings import PredictionLogSettings
from metier.serving.prediction_log.store import Store, open_store
from metier.serving.prediction_log.writer import PredictionWriter
from metier.serving.refusals import RETRY_AFTER, RefusalError
from metier.serving.request_reading import Questions

T = TypeVar("T")
WAIT_SECONDS = 2.0  # Of a request, for another process that writes.
ON_ITS_WAY = timedelta(seconds=2)  # A younger answer may not be stored yet, by this worker or another.
TICK_SECONDS = 0.05
MOST_ASKED = 64  # Feedback that may be in progress at once.
OF_THE_MODEL = 12  # Digits of a bundle's hash that stand for its version.
NOT_STORED = ("answered_by", "model", "version")  # They have columns of their own.


class PredictionRecorder:
    """The predictions of one process of a service.

    Parameters
    ----------
    settings : PredictionLogSettings
    count : callable taking a str and an int
        Told how many predictions were `written` and how many `dropped`.
    """

    def __init__(
        self,
        settings: PredictionLogSettings,
        count: Callable[[str, int], None] = lambda outcome, n: None,
    ):
        self._settings = settings
        self._writer: PredictionWriter | None = None
        self._log: Store | None = None
        self._n_asked = 0
        self._versions: weakref.WeakKeyDictionary[Any, str | None] = weakref.WeakKeyDictionary()
        if settings.where is not None:
            self._writer = PredictionWriter(
                functools.partial(open_store, settings.where),
                texts=settings.texts,
                days=settings.days,
                count=count,
            )

    @property
    def is_kept(self) -> bool:
        """Whether predictions are stored."""
        return self._writer is not None

    def start(self) -> None:
        """Begin to store; in the process that answers."""
        if self._writer is not None:
            self._writer.start()

    def stop(self) -> None:
        """Store what waits, and end."""
        if self._writer is not None:
            self._writer.stop()
        if self._log is not None:
            self._log.close()

    def note(
        self,
        request: Request,
        model: Model,
        asked: Questions,
        records: Sequence[Mapping[str, Any]],
        latency_ms: float,
        *,
        role: str = "champion",
        of: Sequence[str] = (),
    ) -> list[dict[str, Any]]:
        """Have answers stored, and give them with their ids, `prediction_id`.

        Parameters
        ----------
        role : str
            See `Prediction`.
        of : sequence of str
            Of a shadow's answers, the ids of those that were given.
        """
        ids = new_prediction_ids(len(records))
        if self._writer is not None:
            facts = {
                "at": datetime.now(UTC),
                "model": model.name,
                "version": self._version(model),
                "caller": caller_of(request),
                "subject": subject_of(request, asked),
                "latency_ms": round(latency_ms, 3),
                "role": role,
            }
            given: Sequence[str | None] = of or [None] * len(ids)
            rows = [
                _prediction(id_, record, {**facts, "of": one})
                for id_, record, one in zip(ids, records, given, strict=True)
            ]
            self._writer.add(rows, asked.items)
        return [{**record, "prediction_id": id_} for id_, record in zip(ids, records, strict=True)]

    async def find(self, prediction_id: str) -> Prediction:
        """Give a prediction, waiting for one that may be on its way to the store.

        Raises
        ------
        RefusalError
            422 without a store, 404 if there is no such prediction, 503 if the store cannot be read now.
        """
        self._check_kept()
        self._n_asked += 1
        try:
            while (found := await self._asked(lambda log: log.find(prediction_id))) is None:
                if datetime.now(UTC) - time_of(prediction_id) > ON_ITS_WAY:
                    raise unknown_prediction(prediction_id)
                await asyncio.sleep(TICK_SECONDS)
            return found
        finally:
            self._n_asked -= 1

    async def add_feedback(self, said: Feedback) -> None:
        """Store what was said about an answer; raises as `find` does."""
        self._check_kept()
        await self._asked(lambda log: log.add_feedback(said))

    async def shadows_of(self, prediction_id: str) -> list[Prediction]:
        """Give the answers to the same question that nobody was given; raises as `find` does."""
        return await self._asked(lambda log: log.shadows_of(prediction_id))

    def kept_text(self, text: str) -> str | None:
        """Give a text of a caller as the policy keeps it."""
        return kept_comment(text, self._settings.texts)

    async def _asked(self, ask: Callable[[Store], T]) -> T:
        def do() -> T:
            if self._log is None:
                self._log = open_store(self._settings.where or "", wait_seconds=WAIT_SECONDS)
            return ask(self._log)

        try:
            return await asyncio.to_thread(do)
        except PredictionLogError as failure:
            message = f"The store of predictions cannot be used now. {failure}"
            raise RefusalError(503, "no_store_now", message, headers=RETRY_AFTER) from None

    def _check_kept(self) -> None:
        if self._writer is None:
            message = (
                "This service keeps no predictions, so there is nothing to give feedback on. Serve with "
                "--log-predictions FOLDER."
            )
            raise RefusalError(422, "no_store", message, field="prediction_id")
        if self._n_asked >= MOST_ASKED:
            message = f"{MOST_ASKED} requests with feedback are waiting already. Ask again in a second."
            raise RefusalError(503, "busy", message, headers=RETRY_AFTER)

    def _version(self, model: Model) -> str | None:
        """Give the version of a model: its number in a registry, or the beginning of the hash of its files."""
        if model.version is not None:
            return str(model.version)
        if model.engine not in self._versions:
            loaded = model.engine.model
            known = fingerprint_of(loaded.manifest)[:OF_THE_MODEL] if isinstance(loaded, Bundle) else None
            self._versions[model.engine] = known
        return self._versions[model.engine]


def subject_of(request: Request, asked: Questions) -> str | None:
    """Give whom a request is about: the field `subject`, or else the header X-Subject, as the audit log takes it."""
    return asked.subject or request.headers.get("x-subject")


def caller_of(request: Request) -> str | None:
    """Give the name of the key that a request came with; None: it came with none."""
    caller = request.scope.get("state", {}).get("caller")
    return caller.name if isinstance(caller, Caller) and caller is not ANYBODY else None


def check_prediction_id(prediction_id: str) -> None:
    """Raise RefusalError (404) for what is no id of a prediction."""
    if not is_prediction_id(prediction_id):
        raise unknown_prediction(prediction_id)


def unknown_prediction(prediction_id: str) -> RefusalError:
    """Give the refusal of an id that is not in the store (404)."""
    message = (
        f"There is no prediction {prediction_id[:40]!r}. Give the prediction_id of an answer; answers are removed after "
        "the days of --log-days, and with an erased subject."
    )
    return RefusalError(404, "unknown_prediction", message, field="prediction_id")


def _prediction(id_: str, record: Mapping[str, Any], facts: Mapping[str, Any]) -> Prediction:
    answer = {name: value for name, value in record.items() if name not in NOT_STORED}
    return Prediction(id=id_, answered_by=record["answered_by"], answer=answer, **facts)
