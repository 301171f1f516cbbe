"""What a predictor knows of a question besides its answer: logits and a vector, which tell whether any label fits and which
texts are alike."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np

from metier.tasks.answer_batches import AnswerBatch
from metier.tasks.answers.label import LabelDecoder


@dataclass(frozen=True)
class Evidence:
    """What is known of some questions.

    Parameters
    ----------
    probabilities : ndarray of shape (n_rows, n_labels)
        Of the answers.
    logits : ndarray of shape (n_rows, n_labels) or None
        Divided by the temperature: margins of a linear SVC differ by a tenth, and unscaled their energy says nothing.
    vectors : ndarray or scipy.sparse.csr_array of shape (n_rows, size), or None
        Those of a network's last layer, or the rows of TF-IDF, which a predictor gives as `SparseRows`.
    """

    probabilities: np.ndarray
    logits: np.ndarray | None = None
    vectors: Any = None

    def __len__(self) -> int:
        return len(self.probabilities)

    def rows(self, picked: np.ndarray) -> Self:
        """Give the evidence of some rows."""
        logits = None if self.logits is None else self.logits[picked]
        vectors = None if self.vectors is None else self.vectors[picked]
        return replace(self, probabilities=self.probabilities[picked], logits=logits, vectors=vectors)


def scaled_logits(decoder: Any, logits: np.ndarray) -> np.ndarray:
    """Give logits as the softmax takes them, divided by the temperature of the decoder of one label."""
    return logits / decoder.temperature if isinstance(decoder, LabelDecoder) else logits


@runtime_checkable
class GivesEvidence(Protocol):
    """A predictor that has logits, and maybe vectors, of its own."""

    @property
    def has_evidence(self) -> bool:
        """Whether it gives any: of graphs only those with one vector a question do."""
        ...

    def evidence(self, items: Sequence[Any]) -> tuple[AnswerBatch, Evidence]:
        """Answer questions, and give what is known of them beside."""
        ...


@runtime_checkable
class EmbedsTexts(Protocol):
    """A predictor that may give the vector of a text."""

    @property
    def embeds_texts(self) -> bool:
        """Whether it gives any: of graphs only those with one vector a text do."""
        ...

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Give the vector of each text, an ndarray of shape (n_texts, size), of length 1 or 0; at least one text."""
        ...


def embedder_among(predictors: Iterable[Any]) -> EmbedsTexts | None:
    """Give the first of some predictors that gives the vectors of texts; None: none does."""
    return next((one for one in predictors if isinstance(one, EmbedsTexts) and one.embeds_texts), None)
