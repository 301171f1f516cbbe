"""Answers behind a bounded queue.

A predictor is plain code that keeps a core busy, so it runs in threads of its own and the event loop stays free
to refuse, to say that it is alive, and to be measured. The queue before the threads is bounded: a caller who
would wait too long is refused at once, while memory stays where it was. A request is answered in small batches, so
that the thread is free again soon after a caller has hung up.
"""

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import Future
from contextlib import closing
from typing import Any

import numpy as np

from metier.bundles import Bundle
from metier.dialogue.image_dialogue import Language, Reply
from metier.dialogue.messages import Message
from metier.explanation.explanation import Explanation
from metier.predictors.evidence import EmbedsTexts
from metier.serving.answer_threads import AnswerThreads
from metier.serving.answering import (
    Answering,
    AnswersInForm,
    AsksOtherThanTexts,
    Converses,
    Hears,
    MayStream,
    Named,
)
from metier.serving.explaining import ExplainRequest, LimitedAnswers, explained
from metier.serving.golden import check_golden
from metier.serving.one_row import OneRow
from metier.serving.refusals import RETRY_AFTER, RefusalError
from metier.serving.request_reading import count_characters
from metier.serving.settings import ServingSettings
from metier.speech.models import EVERY
from metier.speech.recording import Recording
from metier.speech.transcript import Transcript
from metier.tasks.answer_batches import AnswerBatch
from metier.tasks.answers.written_text import WrittenText
from metier.tasks.inputs import TEXT, InputKind

# A first batch takes at most a few seconds of the slowest method; a longer text is a batch of its own. After one that
# was quick the next is larger: every batch has a cost of its own.
BATCH_ROWS, BATCH_CHARACTERS = 32, 20_000
QUICK_SECONDS, LARGER = 0.1, 4


class Engine:
    """A model, once it is loaded, and the threads that ask it.

    Parameters
    ----------
    load : callable
        Gives what answers; called once, by `load`.
    settings : ServingSettings
        How many threads, and how many requests may wait for them.
    threads : AnswerThreads
        Those of all engines of a service, which share the room to wait, too.
    """

    def __init__(self, load: Callable[[], Answering], settings: ServingSettings, threads: AnswerThreads):
        self.model: Answering | None = None
        self.failure: Exception | None = None
        self._load = load
        self._settings = settings
        self._threads = threads
        # Each is asked for with every request, and looking through a protocol takes longer than answering.
        self._input_kind: InputKind = TEXT
        self._takes_blanks = True
        self._one_row: OneRow | None = None

    @property
    def input_kind(self) -> InputKind:
        """The form of a question to the model; raises what `check_ready` does."""
        self.check_ready()
        return self._input_kind

    @property
    def input_keys(self) -> tuple[str, ...]:
        """What a question to the model consists of; raises what `check_ready` does."""
        return self.input_kind.keys

    @property
    def name(self) -> str:
        """Versioned name of what answers; raises what `check_ready` does."""
        model = self.check_ready()
        return model.name if isinstance(model, Named) else "model"

    @property
    def takes_blanks(self) -> bool:
        """Whether white space alone is a question: not to what writes; raises what `check_ready` does."""
        self.check_ready()
        return self._takes_blanks

    @staticmethod
    def _kind_of(model: Answering) -> InputKind:
        return model.input_kind if isinstance(model, AsksOtherThanTexts) else TEXT

    def _warm_up(self, model: Answering) -> list[Any]:
        kind = self._kind_of(model)
        # The dictionary of Chinese takes a third of a second and some memory, which only who reads Chinese needs.
        reads_chinese = isinstance(model, Bundle) and model.manifest.data.has_chinese
        return [kind.trial, kind.chinese_example] if reads_chinese else [kind.trial]

    def load(self) -> Answering:
        """Load the model and ask it: a first answer is slow, and no caller should pay for it.

        Until it has answered, it is not ready.
        """
        try:
            model = self._loaded()
            self._input_kind, self._takes_blanks = self._kind_of(model), _takes_blanks(model)
            self._one_row = OneRow.measured(model, self._input_kind, self._threads, self._settings)
            self.model = model
        except Exception as failure:
            self.failure = failure
            raise
        return self.model

    def _loaded(self) -> Answering:
        model = self._load()
        if isinstance(model, Hears) and model.transcriber is not None:
            model.transcriber.load()
        for question in self._warm_up(model):
            model.predict([question])
        if isinstance(model, Converses):
            model.reply([Message("user", "a text")])
        check_golden(model)
        return model

    async def start(self) -> Answering:
        """Load the model in a thread that answers; see `load`."""
        return await asyncio.wrap_future(self._threads.submit(self.load, is_timed=False))

    def check_ready(self) -> Answering:
        """Give the model.

        Raises
        ------
        RefusalError
            If it is not loaded yet, or could not be (both 503).
        """
        if self.failure is not None:
            raise RefusalError(
                503,
                "load_failed",
                f"The model could not be loaded ({self.failure}). The service has to be started again.",
            )
        if self.model is None:
            message = "The model is still being loaded. Ask again in a second."
            raise RefusalError(503, "not_ready", message, headers=RETRY_AFTER)
        return self.model

    async def answer(self, items: Sequence[Any], *, caller: str = "") -> tuple[list[AnswerBatch], float]:
        """Answer items in batches, and say how many milliseconds the model took.

        Cancelled, it answers no further batch.

        Parameters
        ----------
        items : sequence
        caller : str
            Whose answers may be taken from the cache.

        Raises
        ------
        RefusalError
            If the model is not loaded yet, or too many requests are waiting (both 503).
        """
        model = self.check_ready()
        self._check_room()
        if len(items) == 1 and self._one_row is not None:
            answer, milliseconds = await self._one_row.answer(items[0], caller)
            return [answer], milliseconds
        is_over = threading.Event()

        def ask() -> tuple[list[AnswerBatch], float]:
            begun, answered = time.perf_counter(), list[AnswerBatch]()
            start, size = 0, 1
            while start < len(items) and not is_over.is_set():
                batch = _batch(items, start, size)
                since = time.perf_counter()
                answered.append(model.predict(batch))
                if self._threads.metrics is not None:
                    self._threads.metrics.count_batch(len(batch))
                start += len(batch)
                size *= LARGER if time.perf_counter() - since < QUICK_SECONDS else 1
            return answered, 1000 * (time.perf_counter() - begun)

        try:
            return await asyncio.wrap_future(self._threads.submit(ask))
        finally:
            is_over.set()

    def answer_now(self, items: Sequence[Any], *, caller: str = "") -> tuple[list[AnswerBatch], float] | None:
        """Answer one item without waiting, where its answer is kept or the model is quick; None: `answer` has to.

        Raises
        ------
        RefusalError
            If the model is not loaded yet (503).
        """
        self.check_ready()
        if len(items) != 1 or self._one_row is None:
            return None
        found = self._one_row.answer_now(items[0], caller)
        return None if found is None else ([found[0]], found[1])

    async def explain(self, item: Any, request: ExplainRequest) -> tuple[Explanation, float]:
        """Explain the answer to one item, and say how many milliseconds that took; cancelled, it asks no further batch.

        Raises
        ------
        RefusalError
            As `answer` does; and 413 if it takes more answers, or more time, than one explanation may.
        """
        model = self.check_ready()
        self._check_room()
        is_over = threading.Event()

        def ask() -> tuple[Explanation, float]:
            begun = time.perf_counter()
            limited = LimitedAnswers(model.predict, self._settings, is_over)
            found = explained(model, self._kind_of(model), item, request, limited)
            return found, 1000 * (time.perf_counter() - begun)

        try:
            return await asyncio.wrap_future(self._threads.submit(ask))
        finally:
            is_over.set()

    async def hear(self, recording: Recording, language: str | None = None) -> Transcript:
        """Turn a recording into text.

        Raises
        ------
        RefusalError
            As `answer` does; and 422 if the model was not trained on recordings, or its speech model does not hear the
            language.
        """
        model = self.check_ready()
        transcriber = model.transcriber if isinstance(model, Hears) else None
        if transcriber is None:
            message = "This model was trained on texts, so no speech model is served. Serve one trained on recordings."
            raise RefusalError(422, "no_speech_model", message, field="file")
        if language is not None and not transcriber.model.hears(language):
            name, known = transcriber.model.name, transcriber.model.languages
            message = f"The speech model {name} hears {', '.join(known)} alone. Leave out 'language'."
            if known == EVERY:
                message = f"The speech model {name} knows no language of the code {language!r}. Give one such as en or zh."
            raise RefusalError(422, "unheard_language", message, field="language")
        self._check_room()
        hearing = transcriber.told(language)
        limit = float(self._settings.max_audio_seconds)
        return await asyncio.wrap_future(
            self._threads.submit(lambda: hearing.transcribe(recording, most_seconds=limit))
        )

    async def embed(self, embedder: EmbedsTexts, texts: Sequence[str]) -> np.ndarray:
        """Give the vectors of texts by what embeds them inside of the model; cancelled, it embeds no further batch.

        Raises
        ------
        RefusalError
            As `answer` does.
        """
        self._check_room()
        is_over = threading.Event()

        def do() -> np.ndarray:
            starts = range(0, len(texts), BATCH_ROWS)
            parts = [embedder.embed(texts[at : at + BATCH_ROWS]) for at in starts if not is_over.is_set()]
            return np.concatenate(parts)

        try:
            return await asyncio.wrap_future(self._threads.submit(do))
        finally:
            is_over.set()

    def check_converses(self) -> Converses:
        """Give the model as what replies to conversations.

        Raises
        ------
        RefusalError
            As `check_ready` does; and 422 if it has no cases to answer from.
        """
        model = self.check_ready()
        if not isinstance(model, Converses):
            message = (
                "This model has no cases, so it holds no conversation. Serve a search of pictures with them: metier serve "
                "RUN --cases FILE"
            )
            raise RefusalError(422, "no_dialogue", message, field="messages")
        return model

    async def reply(self, messages: Sequence[Message], language: Language) -> tuple[Reply, float]:
        """Reply to a conversation, and say how many milliseconds it took; raises what `answer` and `check_converses` do."""
        model = self.check_converses()
        self._check_room()

        def ask() -> tuple[Reply, float]:
            begun = time.perf_counter()
            return model.reply(messages, language=language), 1000 * (time.perf_counter() - begun)

        return await asyncio.wrap_future(self._threads.submit(ask))

    def stream(self, item: Any) -> AsyncGenerator[str]:
        """Begin to answer an item piece by piece; once the client disconnects, the model stops generating.

        Raises
        ------
        RefusalError
            As `answer` does; and 422 if the model has its answers at once.
        """
        model = self.check_ready()
        if not isinstance(model, MayStream) or not model.can_stream:
            message = "This model cannot stream: only generative models can. Leave out 'stream'."
            raise RefusalError(422, "cannot_stream", message, field="stream")
        self._check_room()
        pieces: asyncio.Queue[str | None] = asyncio.Queue()
        is_over, loop = threading.Event(), asyncio.get_running_loop()

        def write() -> None:
            try:
                with closing(model.stream(item)) as written:
                    for piece in written:
                        if is_over.is_set():
                            return
                        loop.call_soon_threadsafe(pieces.put_nowait, piece)
            finally:
                loop.call_soon_threadsafe(pieces.put_nowait, None)

        # The thread is taken until it has noticed, however soon the caller is gone.
        return _read_pieces(pieces, self._threads.submit(write), is_over)

    def _check_room(self) -> None:
        if self._threads.n_taken >= self._settings.threads + self._settings.max_waiting:
            message = (
                f"{self._settings.max_waiting:,} requests are waiting already. "
                "Ask again later, send several texts in one request, or serve with more --threads."
            )
            headers = {"Retry-After": str(self._threads.retry_after_seconds)}
            raise RefusalError(503, "busy", message, headers=headers)


def _takes_blanks(model: Answering) -> bool:
    return not isinstance(model, AnswersInForm) or not isinstance(model.answer_kind, WrittenText)


def _batch(items: Sequence[Any], start: int, size: int) -> Sequence[Any]:
    """Give the items from one on that are a batch of so many times the first one's rows and characters: one at least."""
    end, characters = start, 0
    while end < len(items) and end - start < size * BATCH_ROWS:
        characters += count_characters(items[end])
        if end > start and characters > size * BATCH_CHARACTERS:
            break
        end += 1
    return items[start:end]


async def _read_pieces(
    pieces: "asyncio.Queue[str | None]", writing: "Future[None]", is_over: threading.Event
) -> AsyncGenerator[str]:
    try:
        while (piece := await pieces.get()) is not None:
            yield piece
        await asyncio.wrap_future(writing)  # Raises what the model raised.
    finally:
        is_over.set()
