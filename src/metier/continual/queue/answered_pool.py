"""What a model makes of rows that may be labelled: probabilities, vectors, opinions of its members, suggestions.

Vectors are those of the model's encoder, where it has one; else TF-IDF of words, for Chinese of the words of a dictionary,
brought to few dimensions by a singular value decomposition of these rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from metier.bundles import Bundle
from metier.continual.queue.items import Answer, Kind
from metier.continual.queue.strategies import Pool
from metier.errors import CallError
from metier.predictors.composite.members import NOTHING, Composed
from metier.predictors.evidence import embedder_among
from metier.predictors.scope.scope_rule import ScopeAnswers
from metier.progress import Listener, Progress, ignore
from metier.registry.fingerprint import fingerprint_of
from metier.tasks.answer_batches import Answers, LabelSetAnswers, RecordAnswers
from metier.text.segmentation import segment

BATCH_ROWS = 512
MOST_DIMENSIONS = 100
SHOWN = 9  # Labels whose probabilities are kept with a suggestion.
VERSION_DIGITS = 12
# Where an answer is no single label, what strategies see of it: its least sure part, and that it is otherwise.
PARTS = ("as answered", "otherwise")


@dataclass(frozen=True)
class Answered:
    """Rows with what a model makes of them.

    Parameters
    ----------
    pool : Pool
    suggestions : list of mapping or None
        One a row.
    kind : str
        What people answer with.
    labels : tuple of str
        To choose from.
    version : str or None
        Of the model.
    """

    pool: Pool
    suggestions: Sequence[Answer | None]
    kind: Kind
    labels: tuple[str, ...]
    version: str | None


def version_of(model: Bundle) -> str:
    """Give what tells a model from others: the first digits of the hash of its files."""
    return fingerprint_of(model.manifest)[:VERSION_DIGITS]


def unanswered(texts: Sequence[str], *, known: Sequence[str] = ()) -> Answered:
    """Give rows that no model answers yet; strategies have their vectors alone."""
    vectors = text_vectors([*texts, *known])
    own, theirs = vectors[: len(texts)], vectors[len(texts) :]
    pool = Pool(len(texts), vectors=own, known_vectors=theirs if len(theirs) else None)
    return Answered(pool, [None] * len(texts), "label", (), None)


def answered(
    model: Bundle, texts: Sequence[str], *, known: Sequence[str] = (), listener: Listener = ignore
) -> Answered:
    """Let a model answer rows.

    Parameters
    ----------
    known : sequence of str
        Texts that have labels.

    Raises
    ------
    CallError
        If the model does not answer texts with labels, label sets or spans.
    """
    kind = kind_of(model)
    batches = []
    for start in range(0, len(texts), BATCH_ROWS):
        listener(Progress("answering", start, len(texts)))
        batches.append(model.predict(list(texts[start : start + BATCH_ROWS])))
    found = [suggestion(batch, row) for batch in batches for row in range(len(batch))]
    vectors = _vectors(model, [*texts, *known])
    own, theirs = vectors[: len(texts)], vectors[len(texts) :]
    pool = Pool(
        len(texts),
        tuple(model.labels) if kind == "label" else PARTS,
        np.concatenate([_probabilities(batch) for batch in batches]),
        own,
        theirs if len(theirs) else None,
        members=_members(model, texts) if kind == "label" else (),
        **_scope(batches),
    )
    return Answered(pool, found, kind, tuple(model.labels), version_of(model))


def kind_of(model: Bundle) -> Kind:
    """Give what people answer with in place of a model; raises CallError where they cannot on this page."""
    name = model.answer_kind.name
    if model.input_keys == ("text",) and model.input_kind.name == "text":
        if model.answer_kind.is_one_label:
            return "label"
        if name in ("spans", "label_set"):
            return "spans" if name == "spans" else "labels"
    raise CallError(
        f"{model.name} does not answer texts with labels, label sets or spans, so people cannot label in its place. Name "
        "another model, or leave --model out and name labels with --labels."
    )


def suggestion(batch: Any, row: int) -> Answer:
    """Give the answer to a row as people would give it, with probabilities."""
    if isinstance(batch, Answers):
        shares = batch.probabilities[row]
        best = np.argsort(-shares)[:SHOWN]
        likely = {batch.labels[place]: round(float(shares[place]), 4) for place in best}
        top = batch.labels[best[0]]
        return {"label": top, "probability": likely[top], "probabilities": likely}
    if isinstance(batch, LabelSetAnswers):
        shares = batch.probabilities[row]
        likely = {batch.labels[place]: round(float(shares[place]), 4) for place in np.argsort(-shares)[:SHOWN]}
        return {"labels": batch.predicted[row], "probabilities": likely}
    spans = batch.record(row)["spans"]
    shares = [float(one.get("probability", 1.0)) for one in spans]
    least = {"probability": round(min(shares), 4)} if shares else {}
    return {"spans": [[one["start"], one["end"], one["label"]] for one in spans], **least}


def text_vectors(texts: Sequence[str]) -> np.ndarray:
    """Give a vector of few dimensions for each text, of length 1 or 0, float32 of shape (n_texts, size)."""
    if not texts:
        return np.empty((0, 1), dtype=np.float32)
    counted = TfidfVectorizer(analyzer=_grams, sublinear_tf=True, max_features=30_000)
    try:
        sparse = counted.fit_transform(texts)
    except ValueError:  # No text has a word.
        return np.zeros((len(texts), 1), dtype=np.float32)
    n_dimensions = min(MOST_DIMENSIONS, min(sparse.shape) - 1)
    if n_dimensions < 1:
        return np.asarray(sparse.toarray(), dtype=np.float32)
    found = TruncatedSVD(n_dimensions, random_state=0).fit_transform(sparse)
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    return np.asarray(found / np.where(lengths > 0, lengths, 1), dtype=np.float32)


def _grams(text: str) -> list[str]:
    words = segment(text)
    return [*words, *(f"{one} {other}" for one, other in pairwise(words))]


def _vectors(model: Bundle, texts: Sequence[str]) -> np.ndarray:
    embedder = embedder_among([model.predictor])
    if embedder is None:
        return text_vectors(texts)
    return np.concatenate(
        [embedder.embed(texts[start : start + BATCH_ROWS]) for start in range(0, len(texts), BATCH_ROWS)]
    )


def _probabilities(batch: Any) -> np.ndarray:
    if isinstance(batch, Answers):
        return batch.probabilities
    if isinstance(batch, LabelSetAnswers):
        sure = np.maximum(batch.probabilities, 1 - batch.probabilities).min(axis=1)
    else:
        assert isinstance(batch, RecordAnswers)
        found = [[float(one.get("probability", 1)) for one in record["spans"]] for record in batch.records]
        sure = np.array([min(shares, default=1.0) for shares in found])
    return np.stack([sure, 1 - sure], axis=1)


def _members(model: Bundle, texts: Sequence[str]) -> tuple[np.ndarray, ...]:
    predictor = model.predictor
    if not isinstance(predictor, Composed):
        return ()
    return tuple(
        np.concatenate(
            [
                np.asarray(member.answer(list(texts[start : start + BATCH_ROWS]), NOTHING).probabilities)
                for start in range(0, len(texts), BATCH_ROWS)
            ]
        )
        for member in predictor.members
    )


def _scope(batches: Sequence[Any]) -> Mapping[str, Any]:
    if not all(isinstance(batch, ScopeAnswers) for batch in batches):
        return {}
    return {"scope_scores": np.concatenate([one.scope_scores for one in batches]), "scope_cut": batches[0].cut}
