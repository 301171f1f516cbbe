"""Answers from a chat model behind an OpenAI-compatible endpoint: `endpoint.v2`, and the labels of `endpoint.v1`.

This predictor answers only where METIER_ENDPOINT_URL is set: it is not a model but a way to ask one, and the only kind
whose rows leave the machine.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from metier.errors import BundleError
from metier.predictors.loading import read_settings, write_settings
from metier.predictors.text.chat_client import ChatClient, ChatSettings
from metier.predictors.text.example_choice import EXAMPLES_FILE, ExamplePool
from metier.predictors.text.questions import AskedReply, Questions, QuestionSettings
from metier.tasks.answer_batches import AnswerBatch
from metier.tasks.answers.asking import About, Trust

KIND, FIRST_KIND = "endpoint.v2", "endpoint.v1"


class EndpointPredictor:
    """Asks about each item, a few at a time. Safe to share between threads.

    Parameters
    ----------
    questions : Questions
    chat : ChatSettings
    concurrency : int
        Questions on their way at once.
    trust : Trust
        How far replies can be trusted, and what is answered where there was none.
    name : str

    Raises
    ------
    NoNetworkError
        If METIER_ENDPOINT_URL is not set.
    """

    def __init__(self, questions: Questions, *, chat: ChatSettings, concurrency: int, trust: Trust, name: str):
        self.questions = questions
        self.labels = questions.about.labels
        self.name = name
        self.trust = trust
        self._chat = chat
        self._client = ChatClient(chat)
        self._concurrency = concurrency

    def predict(self, items: Sequence[Any]) -> AnswerBatch:
        """Answer items.

        Raises
        ------
        EndpointError
            If the endpoint refuses, or does not answer after several tries.
        """
        read = self.questions.input.read(items) if len(items) else []
        return self.questions.answers(read, self.ask(read), self.trust, self.name)

    def ask(self, items: Sequence[Any]) -> list[AskedReply]:
        """Ask about checked items and read the replies; the first error ends it, what was answered is kept on disk."""
        with ThreadPoolExecutor(self._concurrency) as pool:
            waiting = [pool.submit(self.questions.ask, self._client, item) for item in items]
            try:
                return [each.result() for each in waiting]
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def save(self, folder: Path) -> None:
        """Write `predictor.json`, and the examples: what to ask, never whom and never the key."""
        settings = {
            "kind": KIND,
            "name": self.name,
            "labels": list(self.labels),
            "questions": self.questions.facts(),
            "chat": asdict(self._chat),
            "concurrency": self._concurrency,
            "trust": asdict(self.trust),
        }
        if self.questions.pool is not None:
            self.questions.pool.save(folder)
        write_settings(folder, settings)

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load what `save` wrote; `threads` changes nothing, since waiting takes none.

        Raises
        ------
        BundleError
            If `predictor.json` is broken.
        NoNetworkError
            If METIER_ENDPOINT_URL is not set.
        """
        settings = read_settings(folder)
        try:
            chat = ChatSettings(**settings["chat"])
            questions, trust = _read(settings, folder)
            return cls(
                questions, chat=chat, concurrency=settings["concurrency"], trust=trust, name=settings["name"]
            )
        except (KeyError, TypeError) as error:
            raise BundleError(
                f"{folder} does not hold a complete endpoint predictor ({type(error).__name__}: {error}). "
                "Take the folder from its source again."
            ) from error


def _read(settings: Mapping[str, Any], folder: Path) -> tuple[Questions, Trust]:
    """Give the questions that `predictor.json` keeps; the first kind knows labels of texts alone."""
    if settings["kind"] == FIRST_KIND:
        about = About(tuple(settings["labels"]), settings["descriptions"])
        return Questions(QuestionSettings(about=about)), Trust(
            settings["right_fraction"], tuple(settings["shares"])
        )
    stored = settings["trust"]
    pool = ExamplePool.load(folder) if (folder / EXAMPLES_FILE).is_file() else None
    trust = Trust(**{**stored, "shares": tuple(stored["shares"])})
    return Questions(QuestionSettings.of(settings["questions"]), pool), trust
