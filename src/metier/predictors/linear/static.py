"""Answers from static embeddings and a linear head: `static.v1`.

One vector a token, whatever stands around it: the mean of a text's token vectors, scaled to length 1, goes through the
head. The folder holds `tokenizer.json`, `embeddings.safetensors` and `head.safetensors`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import save_file
from tokenizers import Tokenizer

from metier.errors import BundleError
from metier.evaluation.softmax import softmax
from metier.features.tokenization import read_tokenizer, token_ids
from metier.predictors.evidence import Evidence
from metier.predictors.loading import read_settings, write_settings
from metier.predictors.mapped_arrays import map_arrays
from metier.tasks.answer_batches import AnswerBatch, Answers

KIND = "static.v1"
EMBEDDINGS_FILE = "embeddings.safetensors"
TOKENIZER_FILE = "tokenizer.json"
HEAD_FILE = "head.safetensors"
MOST_TOKENS = 512  # Of a text; the rest is cut off.
ROWS_AT_ONCE = 4096  # Bounds the memory of a long sequence.


class StaticVectors:
    """A vector for each token, and from them one for each text.

    Parameters
    ----------
    tokenizer : Tokenizer
        Adds no special tokens.
    matrix : ndarray of shape (n_tokens, size)
        Row i is the vector of token i, its weight already in it; zeros for a token that says nothing.
    """

    def __init__(self, tokenizer: Tokenizer, matrix: np.ndarray):
        self.tokenizer = tokenizer
        self.matrix = matrix
        # Only tokens with a vector count, so that an unknown one does not thin the others.
        self._is_known: np.ndarray = np.asarray(matrix.any(axis=1))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Load what `save` wrote."""
        matrix = _read(folder / EMBEDDINGS_FILE, "embeddings")["embeddings"]
        return cls(read_tokenizer(folder / TOKENIZER_FILE, max_length=MOST_TOKENS), matrix)

    def save(self, folder: Path) -> None:
        """Write the tokenizer and the matrix."""
        self.tokenizer.save(str(folder / TOKENIZER_FILE), pretty=False)
        save_file({"embeddings": self.matrix}, folder / EMBEDDINGS_FILE)

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Give the vector of each text, an ndarray of float32 of shape (n_texts, size), of length 1 or 0."""
        ids = token_ids(self.tokenizer, texts, prefix="")
        vectors = np.zeros((len(ids), self.matrix.shape[1]), dtype=np.float32)
        for row, tokens in enumerate(ids):
            known = [token for token in tokens if self._is_known[token]]
            if known:
                vectors[row] = self.matrix[known].sum(axis=0, dtype=np.float32)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.divide(vectors, lengths, out=vectors, where=lengths > 0)


class StaticPredictor:
    """Static embeddings and their linear head, answering without torch.

    Parameters
    ----------
    vectors : StaticVectors
    weight, bias : ndarray of shape (n_classes, size) and (n_classes,)
        The linear head.
    temperature : float
        What logits are divided by before the softmax.
    labels : sequence of str
    name : str
        Versioned name of the method that was fitted.
    """

    def __init__(
        self,
        vectors: StaticVectors,
        weight: np.ndarray,
        bias: np.ndarray,
        *,
        temperature: float,
        labels: Sequence[str],
        name: str,
    ):
        self.name = name
        self.labels = tuple(labels)
        self.vectors = vectors
        # safetensors writes the bytes as they lie, so a transposed array would come back scrambled.
        self.weight = np.ascontiguousarray(weight, dtype=np.float32)
        self.bias = np.ascontiguousarray(bias, dtype=np.float32)
        self.temperature = temperature

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load what `save` wrote. `threads` makes no difference: there is too little to compute."""
        settings = read_settings(folder)
        head = _read(folder / HEAD_FILE, "weight", "bias")
        return cls(
            StaticVectors.load(folder),
            head["weight"],
            head["bias"],
            temperature=settings["temperature"],
            labels=settings["labels"],
            name=settings["name"],
        )

    def save(self, folder: Path) -> None:
        """Write the files of the predictor."""
        folder.mkdir(parents=True, exist_ok=True)
        self.vectors.save(folder)
        save_file({"weight": self.weight, "bias": self.bias}, folder / HEAD_FILE)
        settings: dict[str, Any] = {
            "kind": KIND,
            "name": self.name,
            "labels": list(self.labels),
            "temperature": self.temperature,
        }
        write_settings(folder, settings)

    def predict(self, texts: Sequence[str]) -> Answers:
        """Answer texts; a long sequence is worked off in batches."""
        logits = np.empty((len(texts), len(self.labels)))
        for start in range(0, len(texts), ROWS_AT_ONCE):
            some = list(texts[start : start + ROWS_AT_ONCE])
            logits[start : start + len(some)] = self.vectors.embed(some) @ self.weight.T + self.bias
        return self._answers(logits)

    @property
    def has_evidence(self) -> bool:
        """Whether there are logits and vectors: always."""
        return True

    def evidence(self, texts: Sequence[str]) -> tuple[AnswerBatch, Evidence]:
        """Answer texts, and give the logits and vectors that the answers were made of."""
        vectors = self.vectors.embed(texts)
        logits = (vectors @ self.weight.T + self.bias).astype(np.float64)
        answers = self._answers(logits)
        return answers, Evidence(answers.probabilities, logits / self.temperature, vectors)

    @property
    def embeds_texts(self) -> bool:
        """Whether texts have vectors: always."""
        return True

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Give the vector of each text, of shape (n_texts, size)."""
        return self.vectors.embed(texts)

    def _answers(self, logits: np.ndarray) -> Answers:
        return Answers(softmax(logits / self.temperature), self.labels, (self.name,) * len(logits))


def _read(path: Path, *names: str) -> dict[str, np.ndarray]:
    try:
        found: dict[str, np.ndarray] = map_arrays(path)
    except (OSError, SafetensorError) as error:
        raise BundleError(f"{path} cannot be read ({error}). Take the folder from its source again.") from error
    missing = [name for name in names if name not in found]
    if missing:
        raise BundleError(
            f"{path} holds no {', '.join(missing)}, only {', '.join(found) or 'nothing'}. "
            "Take the folder from its source again."
        )
    return found
