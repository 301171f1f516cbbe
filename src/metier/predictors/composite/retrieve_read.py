"""A reader that reads only the windows of a passage that BM25 finds: `retrieve_read.v1`.

Of a book a reader needs minutes; nearly all of its windows say nothing of the question. The sentences of the passage
are scored against the question's words, and only the windows that hold the best ones are read.
"""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from metier.errors import BundleError
from metier.features.passage_windows import Window
from metier.predictors.loading import load_predictor, read_settings
from metier.predictors.onnx.graph_logits import PassageLogits
from metier.predictors.onnx.graph_predictor import GraphPredictor
from metier.tasks.answer_batches import RecordAnswers
from metier.tasks.answers.answer_threshold import Reading
from metier.tasks.inputs.question import Question, as_questions
from metier.text.bm25 import Bm25
from metier.text.segmentation import sentence_offsets

KIND = "retrieve_read.v1"
BETWEEN_PASSAGES = "\n\n"


class WindowRanker:
    """Ranks the windows of a passage by the sentences in them. Not shared between threads: one a call.

    The sentences of a passage are learned once for all questions that follow one another.
    """

    def __init__(self) -> None:
        self._passage: str | None = None

    def order(self, question: Question, windows: Sequence[Window]) -> np.ndarray:
        """Give the positions of windows, the best first.

        A window is as good as the best sentence that lies in it whole; of equals the one whose sentences have more
        together, then the earlier.
        """
        if question.passage is not self._passage:
            self._passage = question.passage
            offsets = sentence_offsets(question.passage)
            self._places = np.array(offsets, dtype=np.int64).reshape(-1, 2)
            self._index = Bm25().fit(question.passage[start:end] for start, end in offsets)
        scores = self._index.scores(question.question)
        best, together = np.zeros(len(windows)), np.zeros(len(windows))
        for at, window in enumerate(windows):
            if len(window.offsets) == 0:
                continue
            first = np.searchsorted(self._places[:, 0], window.offsets[0, 0])
            last = np.searchsorted(self._places[:, 1], window.offsets[-1, 1], side="right")
            inside = scores[first:last]
            best[at], together[at] = inside.max(initial=0.0), inside.sum()
        return np.lexsort((np.arange(len(windows)), -together, -best))

    def keep(self, question: Question, windows: list[Window], *, most: int) -> list[Window]:
        """Give the best windows, in the order of the passage."""
        if len(windows) <= most:
            return windows
        return [windows[at] for at in np.sort(self.order(question, windows)[:most])]


class RetrieveReadPredictor:
    """Reads a few windows of each passage, or of each collection of passages. Safe to share between threads.

    Parameters
    ----------
    reader : GraphPredictor
        Of `onnx_reader.v1`.
    n_windows : int
        Windows that are read for a question.
    name : str
        Versioned name of the method that left this predictor.
    """

    def __init__(self, reader: GraphPredictor, *, n_windows: int, name: str):
        self.reader, self.n_windows, self.name = reader, n_windows, name
        self.labels: tuple[str, ...] = ()

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load what `fusion.retrieve_read` wrote.

        Raises
        ------
        BundleError
            If there is no reader in it.
        """
        settings = read_settings(folder)
        reader = load_predictor(folder / settings["stages"][0]["folder"], threads=threads)
        if not isinstance(reader, GraphPredictor) or not isinstance(reader.logits, PassageLogits):
            raise BundleError(f"{folder} holds {reader.name} where a reader was expected. Export it again.")
        return cls(reader, n_windows=int(settings["n_windows"]), name=settings["name"])

    def predict(self, items: Sequence[Any]) -> RecordAnswers:
        """Answer questions, mappings with `question` and `passage`.

        A passage may be a list of passages; its record then also says in which of them the answer stands, as
        `passage` counted from 0, and its offsets are of that one.

        Returns
        -------
        RecordAnswers
            As of `onnx_reader.v1`.
        """
        joined = [_joined(item) for item in items]
        questions = as_questions([item for item, _ in joined])
        answers = self.reader.logits.reader.answer(questions, name=self.name, keep=self._keeper())
        records = [
            record if starts is None else _in_one_passage(record, starts)
            for record, (_, starts) in zip(answers.records, joined, strict=True)
        ]
        return RecordAnswers([record["answer"] for record in records], records, answers.answered_by)

    def read(self, questions: Sequence[Question]) -> list[Reading]:
        """Give the best span of the windows that are read, answerable or not."""
        return self.reader.logits.reader.read(questions, keep=self._keeper())

    def _keeper(self) -> Any:
        ranker = WindowRanker()
        return lambda question, windows: ranker.keep(question, windows, most=self.n_windows)


def _joined(item: Any) -> tuple[Any, list[int] | None]:
    """Give the item with one passage, and where each of several begins in it."""
    if not isinstance(item, Mapping) or isinstance(item.get("passage"), str | None):
        return item, None
    passages = list(item["passage"])
    lengths = [len(passage) + len(BETWEEN_PASSAGES) for passage in passages]
    starts = list(itertools.accumulate(lengths[:-1], initial=0))
    return {**item, "passage": BETWEEN_PASSAGES.join(passages)}, starts


def _in_one_passage(record: dict[str, Any], starts: list[int]) -> dict[str, Any]:
    if record["start"] is None:
        return {**record, "passage": None}
    number = int(np.searchsorted(starts, record["start"], side="right")) - 1
    # A span over the edge of two passages keeps what stands in the first.
    answer = record["answer"].split(BETWEEN_PASSAGES)[0].rstrip()
    start = record["start"] - starts[number]
    return {**record, "answer": answer, "start": start, "end": start + len(answer), "passage": number}
