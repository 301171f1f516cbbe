"""Answers from an exported graph: an input kind, the way from its items to logits, and a decoder; one row a kind.

The folder holds `model.onnx` (token ids and mask in), `tokenizer.json`, where there is a head `head.safetensors`, and
in `predictor.json` the kind and what its decoder needs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from metier.errors import BundleError
from metier.predictors.answers import AnswerBatch
from metier.predictors.label_sets import LabelRule
from metier.predictors.onnx.graph_decoders import (
    AnswerThreshold,
    Decoder,
    GradeDecoder,
    LabelDecoder,
    SpanDecoder,
    TextDecoder,
)
from metier.predictors.onnx.graph_logits import (
    Logits,
    MarkedLogits,
    PairLogits,
    PassageLogits,
    Summaries,
    TokenLogits,
    VectorLogits,
    by_reading,
)
from metier.predictors.onnx.graph_session import GraphParts
from metier.predictors.score_answers import ScoreRule
from metier.tasks.entity_pairs import as_entity_pairs
from metier.tasks.generation import as_items
from metier.tasks.pairs import as_pairs
from metier.tasks.questions import as_questions
from metier.tasks.scoring import as_inputs


@dataclass(frozen=True)
class GraphKind:
    """What a kind of graph predictor is made of.

    Parameters
    ----------
    read : callable
        From what `predict` is handed to checked items.
    logits : callable
        From the opened files to what makes logits of these items.
    decoder : type of Decoder
    """

    read: Callable[[Any], Sequence[Any]]
    logits: Callable[[GraphParts], Logits]
    decoder: type[Decoder]


GRAPH_KINDS = {
    "onnx_encoder.v1": GraphKind(list, VectorLogits.whole, LabelDecoder),
    "onnx_pair_encoder.v1": GraphKind(as_pairs, VectorLogits.whole, LabelDecoder),
    "onnx_bi_encoder.v1": GraphKind(as_pairs, PairLogits.of, LabelDecoder),
    "onnx_relation.v1": GraphKind(as_entity_pairs, MarkedLogits.of, LabelDecoder),
    "onnx_many_labels.v1": GraphKind(list, by_reading, LabelRule),
    "onnx_grader.v1": GraphKind(list, by_reading, GradeDecoder),
    "onnx_scorer.v1": GraphKind(as_inputs, by_reading, ScoreRule),
    "onnx_tagger.v1": GraphKind(list, TokenLogits, SpanDecoder),
    "onnx_reader.v1": GraphKind(as_questions, PassageLogits.of, AnswerThreshold),
    "onnx_sentences.v1": GraphKind(as_items, Summaries, TextDecoder),
}


class GraphPredictor:
    """A graph, its input and its answers, without torch. Safe to share between threads.

    Parameters
    ----------
    kind : GraphKind
    logits : Logits
        Public for those who need what comes before an answer, such as the vectors of texts.
    decoder : Decoder
    name : str
        Versioned name of the method that left this predictor.
    labels : sequence of str
        The label space; empty where answers are no labels.
    """

    def __init__(self, kind: GraphKind, logits: Any, decoder: Decoder, *, name: str, labels: Sequence[str]):
        self._kind = kind
        self.logits = logits
        self.decoder = decoder
        self.name = name
        self.labels = tuple(labels)

    @classmethod
    def of(cls, parts: GraphParts) -> Self:
        """Make the predictor of files that were opened."""
        settings = parts.settings
        kind = GRAPH_KINDS[settings["kind"]]
        decoder = kind.decoder.of(settings)
        return cls(kind, kind.logits(parts), decoder, name=settings["name"], labels=settings["labels"])

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load what `export.graph_export` wrote.

        Parameters
        ----------
        threads : int
            Threads of one call's matrix products.

        Raises
        ------
        BundleError
            If a file is missing or broken.
        """
        try:
            return cls.of(GraphParts.load(folder, threads=threads))
        except BundleError:
            raise
        except Exception as error:  # onnxruntime, safetensors and tokenizers have no common error.
            raise BundleError(
                f"{folder} holds no graph that can be loaded ({type(error).__name__}: {error}). "
                "Export it again, or take it from its source."
            ) from error

    def predict(self, items: Sequence[Any]) -> AnswerBatch:
        """Answer items; a long sequence is worked off in batches of like length."""
        read = self._kind.read(items) if len(items) else []
        return self.decoder.answer(self.logits(read), self.name)

    def vectors(self, texts: Sequence[str]) -> np.ndarray:
        """Give the vector of each text where the graph gives one, of shape (n_texts, size); at least one text."""
        vectors: np.ndarray = self.logits.vectors(texts)
        return vectors
