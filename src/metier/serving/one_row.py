"""One-row questions, by far the most: answered from the cache, at once, together with others that wait, or in their turn.

How is decided once for each model, by what it was measured to do: see `serving.batching`. A model that is quick is asked
in the event loop itself where a process has a single thread: handing a question to the thread and its answer back takes
longer than answering, and nothing else could be answered meanwhile anyway.
"""

import asyncio
import logging
import time
from typing import Any

from metier.bundles import Bundle
from metier.serving.answer_cache import AnswerCache
from metier.serving.answer_threads import AnswerThreads
from metier.serving.answering import Answering
from metier.serving.batching import Batcher, BatchGain, OneAnswered, measure_batches
from metier.serving.request_ids import current_notes
from metier.serving.request_reading import count_characters
from metier.serving.settings import ServingSettings
from metier.tasks.answer_batches import AnswerBatch
from metier.tasks.inputs import InputKind

LOG = logging.getLogger("metier.serving")
QUICK_MILLISECONDS = 3.0  # Of a row: what the event loop may be kept from its other work.
QUICK_CHARACTERS = 1_000
# Rows of different lengths, to measure with; a Chinese one would load a dictionary that few models need.
WORDS = (
    "My card has not arrived yet. The transfer that I made on Monday was declined, and nobody could tell me why; "
    "I have asked twice. Thank you for a quick answer about order 1234, and please refund the fee."
)
LENGTHS = (12, 25, 48, 70, 95, 130, 150, 180)


def rows_to_measure(kind: InputKind) -> list[Any]:
    """Give rows of different lengths; none for what is asked other than texts."""
    return [WORDS[:length] for length in LENGTHS] if kind.fault("") is None else []


class OneRow:
    """What answers one-row questions to one model.

    Parameters
    ----------
    model : Answering
    threads : AnswerThreads
    settings : ServingSettings
    gain : BatchGain or None
        What batches were measured to bring; None: nothing was measured.
    """

    def __init__(
        self, model: Answering, threads: AnswerThreads, settings: ServingSettings, gain: BatchGain | None
    ):
        self._model, self._threads, self._gain = model, threads, gain
        most_rows = gain.most_rows if gain is not None and settings.batching else 1
        self._batcher = Batcher(model.predict, threads, most_rows=most_rows) if most_rows > 1 else None
        self._is_quick = (
            gain is not None and settings.threads == 1 and gain.milliseconds[1] <= QUICK_MILLISECONDS
        )
        self._cache = self._new_cache(settings.cache_entries)

    @classmethod
    def measured(
        cls, model: Answering, kind: InputKind, threads: AnswerThreads, settings: ServingSettings
    ) -> "OneRow":
        """Measure a loaded model, and say in the log what came of it."""
        # Whatever else is served may wait for something else than the processor.
        rows = rows_to_measure(kind) if isinstance(model, Bundle) else []
        found = cls(model, threads, settings, measure_batches(model.predict, rows) if rows else None)
        LOG.info(found.summary)
        return found

    @property
    def summary(self) -> str:
        """How one-row questions are answered, and why."""
        if self._gain is None:
            return "batching off: only bundles that are asked texts are measured"
        times = ", ".join(f"{ms:.3f} ms at {size}" for size, ms in self._gain.milliseconds.items())
        if self._batcher is not None:
            return f"batching on, up to {self._batcher.most_rows} rows that wait; a row takes {times}"
        why = "" if self._gain.is_equal else "; in a batch its answers would differ"
        return f"batching off; a row takes {times}{why}"

    def answer_now(self, item: Any, caller: str = "") -> tuple[AnswerBatch, float] | None:
        """Answer a row from the cache or at once, with the milliseconds that the model took; None: it has to wait."""
        key = self._key(item, caller)
        found = self._kept(key)
        if found is not None:
            return found, 0.0
        if not self._is_quick or self._threads.n_taken or count_characters(item) > QUICK_CHARACTERS:
            return None
        answer, milliseconds = self._at_once(item)
        self._keep(key, answer)
        return answer, milliseconds

    async def answer(self, item: Any, caller: str = "") -> tuple[AnswerBatch, float]:
        """Answer a row that is not kept in its turn, and say how many milliseconds the model took."""
        if self._batcher is not None:
            found = await self._batcher.answer(item)
        else:
            found = await asyncio.wrap_future(self._threads.submit(lambda: _timed(self._model, item)))
        if self._threads.metrics is not None:
            self._threads.metrics.count_batch(found.n_rows)
        self._keep(self._key(item, caller), found.answer)
        return found.answer, 1000 * found.seconds

    def _key(self, item: Any, caller: str) -> bytes | None:
        return None if self._cache is None else self._cache.key(item, caller)

    def _kept(self, key: bytes | None) -> AnswerBatch | None:
        found = None if self._cache is None or key is None else self._cache.get(key)
        if found is not None and self._threads.metrics is not None:
            self._threads.metrics.count_cached(hits=1)
        return found

    def _keep(self, key: bytes | None, answer: AnswerBatch) -> None:
        if self._cache is None or key is None:
            return
        self._cache.put(key, answer)
        if self._threads.metrics is not None:
            self._threads.metrics.count_cached(misses=1)

    def _at_once(self, item: Any) -> tuple[AnswerBatch, float]:
        begin = time.perf_counter()
        answer = self._model.predict([item])
        end = time.perf_counter()
        self._threads.note(current_notes(), begin, begin, end)
        if self._threads.metrics is not None:
            self._threads.metrics.count_batch(1)
        return answer, 1000 * (end - begin)

    def _new_cache(self, n_entries: int) -> AnswerCache | None:
        if not n_entries:
            return None
        metrics = self._threads.metrics

        def changed(entries: int, size: int) -> None:
            if metrics is not None:
                metrics.cache_entries.set(entries)
                metrics.cache_bytes.set(size)

        return AnswerCache(n_entries, when_changed=changed)


def _timed(model: Answering, item: Any) -> OneAnswered:
    begin = time.perf_counter()
    answer = model.predict([item])
    return OneAnswered(answer, time.perf_counter() - begin, 1)
