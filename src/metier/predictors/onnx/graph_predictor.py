"""Answers from an exported graph: an input kind, the way from its items to logits, and a decoder, see `graph_kinds`.

The folder holds `model.onnx` (token ids and mask in), `tokenizer.json`, where there is a head `head.safetensors`, and
in `predictor.json` the kind and what its decoder needs.
"""

import pkgutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from metier.errors import BundleError
from metier.features.pair_features import of_length_one
from metier.predictors.evidence import Evidence, scaled_logits
from metier.predictors.onnx.graph_kinds import GRAPH_KINDS
from metier.predictors.onnx.graph_logits import PairLogits, VectorLogits
from metier.predictors.onnx.graph_session import GraphParts
from metier.tasks.answer_batches import AnswerBatch
from metier.tasks.answers import Decoder
from metier.tasks.answers.label import LabelDecoder
from metier.tasks.inputs import TEXT, TEXT_OR_PAIR, InputKind


class GraphPredictor:
    """A graph, its input and its answers, without torch. Safe to share between threads.

    Parameters
    ----------
    input : InputKind
    logits : Logits
        Public for those who need what comes before an answer, such as the vectors of texts.
    decoder : Decoder
    name : str
        Versioned name of the method that left this predictor.
    """

    def __init__(self, input: InputKind, logits: Any, decoder: Decoder, *, name: str):
        self.input = input
        self.logits = logits
        self.decoder = decoder
        self.name = name
        self.labels = decoder.labels

    @classmethod
    def of(cls, parts: GraphParts) -> Self:
        """Make the predictor of files that were opened."""
        settings = dict(parts.settings)
        kind = GRAPH_KINDS[settings["kind"]]
        decoder = kind.answer.read_decoder(settings)
        return cls(kind.input, pkgutil.resolve_name(kind.logits)(parts), decoder, name=settings["name"])

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
        read = self.input.read(items) if len(items) else []
        return self.decoder.answer(self.logits(read), self.name)

    @property
    def has_evidence(self) -> bool:
        """Whether one label is answered, by a linear head on one vector a question."""
        return isinstance(self.logits, VectorLogits) and isinstance(self.decoder, LabelDecoder)

    def evidence(self, items: Sequence[Any]) -> tuple[AnswerBatch, Evidence]:
        """Answer items, and give the logits and vectors that the answers were made of; at least one item."""
        vectors = self.logits.vectors(self.input.read(items))
        logits = self.logits.of_vectors(vectors)
        answers: Any = self.decoder.answer(logits, self.name)
        return answers, Evidence(answers.probabilities, scaled_logits(self.decoder, logits), vectors)

    def vectors(self, texts: Sequence[str]) -> np.ndarray:
        """Give the vector of each text where the graph gives one, of shape (n_texts, size); at least one text."""
        vectors: np.ndarray = self.logits.vectors(texts)
        return vectors

    @property
    def embeds_texts(self) -> bool:
        """Whether a text alone has a vector: not where a pair is read as one, nor where each token has its own."""
        reads_texts = isinstance(self.logits, VectorLogits) and self.input in (TEXT, TEXT_OR_PAIR)
        return reads_texts or isinstance(self.logits, PairLogits)

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Give the vector of each text, of shape (n_texts, size) and of length 1; at least one text."""
        return of_length_one(self.vectors(texts))
