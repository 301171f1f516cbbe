"""From items to logits by an exported graph: how an input is cut, run, and put under its head.

Each class is the way of one sort of input: whole texts or pairs in one sequence, the vectors of the two texts of a pair,
texts with two entities marked, every token of a text, the windows of a passage, the sentences of a text.
Past the encoder's limit an input is read in windows that overlap; see `features`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol, Self

import numpy as np

from metier.errors import CallError
from metier.features.averaged_windows import Cutter
from metier.features.entity_marking import EntityMarker
from metier.features.pair_features import compare, of_length_one
from metier.features.relation_phrases import relation_phrases
from metier.features.sentence_features import best_pieces, features_of, split_pieces
from metier.features.sentence_ranks import join_sentences
from metier.features.span_labels import SpanLabels
from metier.features.token_windows import Frame, cut, read_whole, unit_values
from metier.predictors.onnx.graph_session import GraphParts, OnnxGraph
from metier.predictors.span_reading import ReadingSettings, SpanReader
from metier.tasks.answers.answer_threshold import Reading
from metier.tasks.answers.soft_spans import TextLogits
from metier.tasks.inputs.conversation import last_words
from metier.tasks.inputs.pair import Pair
from metier.tasks.inputs.question import Question
from metier.text.casing import casings

ROWS_AT_ONCE = 4096  # Rows tokenised before the first is answered: bounds the memory of a long sequence.
TEXTS_AT_ONCE = 256
PIECES_AT_ONCE = 512


class Logits(Protocol):
    """What a decoder makes answers of."""

    def __call__(self, items: Sequence[Any], /) -> Any:
        """Give the logits of checked items, in the form that the decoder of their answers takes."""
        ...


class LinearHead:
    """Logits of vectors.

    Parameters
    ----------
    head : mapping of str to ndarray
        `weight` of shape (n_logits, n_features) and `bias` of shape (n_logits,).
    """

    def __init__(self, head: Mapping[str, np.ndarray]):
        self._weight = np.ascontiguousarray(head["weight"].T, dtype=np.float32)
        self._bias = np.asarray(head["bias"], dtype=np.float32)

    @property
    def n_logits(self) -> int:
        """Columns of the logits."""
        return len(self._bias)

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Give logits, an ndarray of float32 of shape (n_rows, n_logits)."""
        logits: np.ndarray = features @ self._weight + self._bias
        return logits


class Vectors:
    """One vector an input: the mean over its windows.

    Parameters
    ----------
    graph : OnnxGraph
        Gives one vector a sequence.
    cutter : Cutter
    unit_length : bool
        Whether the mean is scaled to length 1.
    """

    def __init__(self, graph: OnnxGraph, cutter: Cutter, *, unit_length: bool):
        self._graph = graph
        self._cutter = cutter
        self._unit_length = unit_length

    @classmethod
    def of(cls, parts: GraphParts, *, unit_length: bool) -> Self:
        """Make it of an opened folder."""
        settings = parts.settings
        cutter = Cutter(parts.tokenizer, max_length=settings["max_length"], prefix=settings["prefix"])
        return cls(parts.graph, cutter, unit_length=unit_length)

    def __call__(self, inputs: Sequence[Any]) -> np.ndarray:
        """Give the vectors of texts, or of pairs read as one, of shape (n_inputs, size); at least one input."""
        vectors = self._cutter.average(self._graph.rows, inputs)
        return of_length_one(vectors) if self._unit_length else vectors


class VectorLogits:
    """A linear head on one vector an input.

    Parameters
    ----------
    vectors : Vectors
    head : LinearHead
    """

    def __init__(self, vectors: Vectors, head: LinearHead):
        self.vectors = vectors
        self._head = head

    @classmethod
    def whole(cls, parts: GraphParts) -> Self:
        """Make it of an opened folder whose head takes vectors as the graph gives them."""
        return cls(Vectors.of(parts, unit_length=False), LinearHead(parts.head))

    @classmethod
    def of_unit_length(cls, parts: GraphParts) -> Self:
        """Make it of an opened folder whose head takes vectors of length 1."""
        return cls(Vectors.of(parts, unit_length=True), LinearHead(parts.head))

    def __call__(self, items: Sequence[Any]) -> np.ndarray:
        """Give logits, an ndarray of float64 of shape (n_items, n_logits)."""
        if len(items) == 0:
            return np.empty((0, self._head.n_logits))
        return self.of_vectors(self.vectors(items))

    def of_vectors(self, vectors: np.ndarray) -> np.ndarray:
        """Give logits of vectors that were computed already, of float64."""
        return self._head(vectors).astype(np.float64)


class PairLogits:
    """A linear head on what the vectors of two texts agree in, so that (a, b) is answered as (b, a) is.

    Parameters
    ----------
    vectors : Vectors
        Of length 1; those of a collection can be kept.
    head : LinearHead or None
        None where only vectors were learned.
    comparison : str
        See `features.pair_features.compare`.
    """

    def __init__(self, vectors: Vectors, head: LinearHead | None, *, comparison: str):
        self.vectors = vectors
        self._head = head
        self._comparison = comparison

    @classmethod
    def of(cls, parts: GraphParts) -> Self:
        """Make it of an opened folder."""
        head = LinearHead(parts.head) if parts.head else None
        comparison = parts.settings.get("comparison", "difference")
        return cls(Vectors.of(parts, unit_length=True), head, comparison=comparison)

    def __call__(self, pairs: Sequence[Pair]) -> np.ndarray:
        """Give logits, an ndarray of float64 of shape (n_pairs, n_logits).

        Raises
        ------
        CallError
            If only vectors were learned.
        """
        if self._head is None:
            raise CallError(
                "The model was trained on matching pairs only, so pairs cannot be labelled. "
                "Fit the method on pairs with at least two labels, or search with its vectors."
            )
        parts = [
            self._of_some(pairs[start : start + ROWS_AT_ONCE], self._head)
            for start in range(0, len(pairs), ROWS_AT_ONCE)
        ]
        return np.concatenate([np.empty((0, self._head.n_logits)), *parts])

    def _of_some(self, pairs: Sequence[Pair], head: LinearHead) -> np.ndarray:
        # A text that stands in many pairs is embedded once.
        place = {text: row for row, text in enumerate(dict.fromkeys(text for pair in pairs for text in pair))}
        vectors = self.vectors(list(place))
        one, other = (vectors[[place[pair[side]] for pair in pairs]] for side in (0, 1))
        return head(compare(one, other, self._comparison))


def by_reading(parts: GraphParts) -> Logits:
    """Make logits of an opened folder whose settings say how the head is fed: `whole`, `vectors`, `compared`."""
    readings: dict[str, Callable[[GraphParts], Logits]] = {
        "whole": VectorLogits.whole,
        "vectors": VectorLogits.of_unit_length,
        "compared": PairLogits.of,
    }
    return readings[parts.settings["reading"]](parts)


class MarkedLogits:
    """Logits that the graph itself gives of texts with two entities marked.

    Parameters
    ----------
    graph : OnnxGraph
    marker : EntityMarker
    n_logits : int
    """

    def __init__(self, graph: OnnxGraph, marker: EntityMarker, *, n_logits: int):
        self._graph = graph
        self._marker = marker
        self._n_logits = n_logits

    @classmethod
    def of(cls, parts: GraphParts) -> Self:
        """Make it of an opened folder, whose tokenizer knows the marks."""
        settings = parts.settings
        marker = EntityMarker(parts.tokenizer, prefix=settings["prefix"], max_length=settings["max_length"])
        return cls(parts.graph, marker, n_logits=len(settings["labels"]))

    def __call__(self, items: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """Give logits, an ndarray of float64 of shape (n_items, n_logits)."""
        logits = np.empty((len(items), self._n_logits), dtype=np.float64)
        for start in range(0, len(items), ROWS_AT_ONCE):
            ids = [self._marker.mark(item).ids for item in items[start : start + ROWS_AT_ONCE]]
            logits[start : start + len(ids)] = self._graph.rows(ids)
        return logits


class PhraseLogits:
    """A linear head on the vector of the phrase that relates two entities, see `features.relation_phrases`.

    Parameters
    ----------
    parts : GraphParts
    """

    def __init__(self, parts: GraphParts):
        self._logits = VectorLogits.whole(parts)

    def __call__(self, items: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """Give logits, an ndarray of float64 of shape (n_items, n_logits)."""
        return self._logits(relation_phrases(items))


class TokenLogits:
    """Logits of the tags of every token: a linear head, and what the casing of a token adds.

    Parameters
    ----------
    parts : GraphParts
        `head` also holds `casing`, of shape (n_casings, n_tags).
    """

    def __init__(self, parts: GraphParts):
        settings = parts.settings
        self._graph = parts.graph
        self._tokenizer = read_whole(parts.tokenizer)
        self._frame = Frame.of(parts.tokenizer, prefix=settings["prefix"], max_length=settings["max_length"])
        self._head = LinearHead(parts.head)
        self._casing = np.asarray(parts.head["casing"], dtype=np.float32)

    def __call__(self, texts: Sequence[str]) -> Iterator[TextLogits]:
        """Give the logits of each text as they are computed, in bounded memory."""
        for start in range(0, len(texts), TEXTS_AT_ONCE):
            some = texts[start : start + TEXTS_AT_ONCE]
            pieces = [cut(self._tokenizer, text) for text in some]
            values = unit_values(pieces, self._frame, self._run, n_values=self._head.n_logits)
            for text, cut_up, logits in zip(some, pieces, values, strict=True):
                logits += self._casing[casings(text, cut_up.offsets)]
                yield TextLogits(text, cut_up.offsets, logits)

    def _run(self, rows: Sequence[Any]) -> list[np.ndarray]:
        return [self._head(states) for states in self._graph.token_rows(rows)]


class SpanLabelLogits:
    """Logits of the tags of the parts of a text that descriptions of labels fit, see `features.span_labels`.

    Parameters
    ----------
    parts : GraphParts
        `head` holds `weight` and `bias`, `settings` the `scale`.
    """

    def __init__(self, parts: GraphParts):
        settings, head = parts.settings, parts.head
        self._graph = parts.graph
        self._tokenizer = read_whole(parts.tokenizer)
        self._frame = Frame.of(parts.tokenizer, prefix=settings["prefix"], max_length=settings["max_length"])
        self._labels = SpanLabels(head["weight"], head["bias"], settings["scale"])

    def __call__(self, texts: Sequence[str]) -> Iterator[TextLogits]:
        """Give the logits of each text as they are computed, in bounded memory."""
        size = self._labels.weight.shape[1]
        for start in range(0, len(texts), TEXTS_AT_ONCE):
            some = texts[start : start + TEXTS_AT_ONCE]
            pieces = [cut(self._tokenizer, text) for text in some]
            states = unit_values(pieces, self._frame, self._run, n_values=size)
            for text, cut_up, values in zip(some, pieces, states, strict=True):
                yield self._labels.logits(text, cut_up.offsets, values)

    def _run(self, rows: Sequence[Any]) -> list[np.ndarray]:
        return self._graph.token_rows(rows)


class PassageLogits:
    """The best span of each question's passage, by scores of where an answer begins and ends.

    Parameters
    ----------
    reader : SpanReader
        For those who choose the windows themselves.
    """

    def __init__(self, reader: SpanReader):
        self.reader = reader

    @classmethod
    def of(cls, parts: GraphParts) -> Self:
        """Make it of an opened folder."""
        return cls(SpanReader(parts.tokenizer, ReadingSettings.of(parts.settings), parts.graph.padded))

    def __call__(self, questions: Sequence[Question]) -> list[tuple[Question, Reading]]:
        """Give each question and the best span of its passage, answerable or not."""
        return list(zip(questions, self.reader.read(questions), strict=True))


class Summaries:
    """The sentences of a text that a trained scorer rates highest, in their order.

    Parameters
    ----------
    parts : GraphParts
        `head` holds the `weight` of each number of `features.sentence_features`; `settings` also say the `unit`
        and how many make a summary, `n_pieces`.
    """

    def __init__(self, parts: GraphParts):
        self._vectors = Vectors.of(parts, unit_length=True)
        self._weight = parts.head["weight"].astype(np.float64)
        self._unit: str = parts.settings["unit"]
        self._n_pieces: int = parts.settings["n_pieces"]

    def __call__(self, items: Sequence[Any]) -> list[str]:
        """Give the summary of each text; of a conversation, of what the user wrote last."""
        return [self._summary(last_words(item)) for item in items]

    def _summary(self, text: str) -> str:
        pieces = split_pieces(text, self._unit)
        if len(pieces) <= self._n_pieces:
            return join_sentences(pieces)
        parts = [
            self._vectors(pieces[at : at + PIECES_AT_ONCE]) for at in range(0, len(pieces), PIECES_AT_ONCE)
        ]
        scores = features_of(pieces, np.concatenate(parts)) @ self._weight
        return join_sentences([pieces[place] for place in best_pieces(scores, self._n_pieces)])
