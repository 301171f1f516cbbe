"""Contrastive fine-tuning of an encoder on pairs of texts that belong together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from pydantic import Field
from sklearn.linear_model import LogisticRegression

from metier.bases.base import Base
from metier.bases.embedding import mean_pool
from metier.bases.huggingface_folder import load_model
from metier.bases.known_bases import cutter_of
from metier.evaluation.calibration import SMALLEST_PROBABILITY
from metier.features.pair_features import of_length_one
from metier.progress import Listener, ignore
from metier.tasks.inputs.pair import Pair
from metier.training.batching import TokenBatch, TokenisedRows
from metier.training.encoder_settings import FineTunedSettings
from metier.training.fine_tuning import Tuned, checkpoints_of, fine_tune
from metier.training.heads.token_model import ANSWERING_BUDGET, TokenModel
from metier.training.objectives.multiple_negatives import multiple_negatives
from metier.training.pair_rows import PairRows, meanings

# Of validation matches: each is ranked among the others, and the table of all against all grows with the square.
MOST_RANKED = 2_000


class VectorSettings(FineTunedSettings):
    """How an encoder is taught which texts belong together."""

    has_head = False  # None that trains with the encoder.

    token_budget: int = Field(
        2048,
        ge=1,
        description="Tokens of a batch, padding included; a larger batch has more in-batch negatives.",
    )
    ranking_temperature: float = Field(
        0.05, gt=0, description="Temperature of the contrastive loss: cosines are divided by it."
    )


class PooledVectors(TokenModel):
    """An encoder and the mean of its last hidden states, as one module that trains; its head is empty."""

    def __init__(self, encoder: Any, *, dropout: float):
        super().__init__(encoder)
        self.head = torch.nn.Identity()
        self.set_dropout(dropout)

    def forward(self, batch: TokenBatch) -> torch.Tensor:
        """Give vectors of shape (n_texts, hidden_size)."""
        # Through the empty head: objectives look at the vectors that reach it.
        return self.head(mean_pool(self.states(batch), batch.mask))


@dataclass(frozen=True)
class Matches:
    """Pairs, and of each whether it is a match.

    Parameters
    ----------
    pairs : sequence of Pair
    is_match : ndarray of bool of shape (n_pairs,)
    """

    pairs: Sequence[Pair]
    is_match: np.ndarray

    def tokenised(self, base: Base, *, pad_id: int) -> PairRows:
        """The pairs as token ids, texts past the encoder's limit in windows."""
        truth = np.column_stack([self.is_match.astype(np.int64), meanings(self.pairs, self.is_match)])
        return PairRows.apart(cutter_of(base), self.pairs, truth, pad_id)


def tune_vectors(
    settings: VectorSettings,
    base: Base,
    known: Matches,
    validation: Matches | None = None,
    *,
    name: str,
    listener: Listener = ignore,
) -> tuple[torch.nn.Module, Tuned]:
    """Fine-tune a base by the ranking loss of multiple negatives.

    Parameters
    ----------
    settings : VectorSettings
    name : str
        Of the method, for messages.
    validation : Matches, optional
        Where it holds both matches and others, epochs are compared by how well a cosine tells them apart; where
        it holds matches alone, by the rank at which partners are found.

    Returns
    -------
    encoder : Module
    tuned : Tuned
    """
    model = PooledVectors(load_model(base), dropout=settings.dropout)
    rows = known.tokenised(base, pad_id=model.pad_id)
    held = None if validation is None else validation.tokenised(base, pad_id=model.pad_id)
    tuned = fine_tune(
        model,
        rows,
        objective=multiple_negatives(temperature=settings.ranking_temperature),
        settings=settings,
        validation=held,
        score=_score,
        checkpoints=checkpoints_of(settings, base, [part for part in (rows, held) if part is not None]),
        what=f"{name}: fine-tuning {base.name}",
        listener=listener,
    )
    model.eval()
    return model.encoder, tuned


def _truth(rows: TokenisedRows) -> np.ndarray:
    assert rows.truth is not None
    return rows.truth


def _score(model: PooledVectors, rows: TokenisedRows) -> dict[str, float]:
    is_match = _truth(rows)[:, 0].astype(bool)
    one, other = _vectors(model, rows)
    if is_match.all():
        return _score_of_ranks(one[:MOST_RANKED], other[:MOST_RANKED], _truth(rows)[:MOST_RANKED])
    if not is_match.any():
        return {"score": 0.0}
    return _score_of_cosines((one * other).sum(axis=1), is_match)


def _score_of_cosines(cosines: np.ndarray, is_match: np.ndarray) -> dict[str, float]:
    """The log-loss of the best logistic curve over the cosines: two numbers cannot overfit by much."""
    # Standardised: raw cosines of some bases lie within a tenth of one another.
    x = ((cosines - cosines.mean()) / max(float(cosines.std()), 1e-9))[:, None]
    given = (
        LogisticRegression(C=100.0).fit(x, is_match).predict_proba(x)[np.arange(len(x)), is_match.astype(int)]
    )
    losses = -np.log(np.maximum(given, SMALLEST_PROBABILITY))
    return {
        "accuracy": float((given > 0.5).mean()),
        "log_loss": float(losses.mean()),
        "score": -float(losses.mean()),
        "score_error": float(losses.std() / np.sqrt(len(losses))),
    }


def _score_of_ranks(one: np.ndarray, other: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    similarities = one @ other.T
    own = np.diagonal(similarities).copy()
    # Partners of other pairs that mean the same are not mistakes.
    similarities[truth[:, 1][:, None] == truth[:, 2][None, :]] = -np.inf
    reciprocal = 1 / (1 + (similarities > own[:, None]).sum(axis=1))
    return {
        "reciprocal_rank": float(reciprocal.mean()),
        "score": float(reciprocal.mean()),
        "score_error": float(reciprocal.std() / np.sqrt(len(reciprocal))),
    }


def _vectors(model: PooledVectors, rows: TokenisedRows) -> tuple[np.ndarray, np.ndarray]:
    """Give the vectors of both sides, of length 1, without learning."""
    size = int(model.encoder.config.hidden_size)
    one, other = (np.empty((len(rows.ids), size), dtype=np.float32) for _ in range(2))
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    with torch.inference_mode():
        for positions, batch in rows.in_order_of_length(ANSWERING_BUDGET):
            batch = batch.to(device)
            vectors = torch.nn.functional.normalize(model(batch).float(), dim=1)
            one[positions], other[positions] = (side.cpu().numpy() for side in vectors.chunk(2))
    model.train(was_training)
    return of_length_one(rows.mean(one)), of_length_one(rows.mean(other))


# Of one batch: enough that a row meets mates and many others, few enough for seconds on two cores.
BATCH_ROWS = 64
FEWEST_MATES = 2
# Rows run together: sorted by length, so that one long text does not pad all others to its own.
ROWS_TOGETHER = 16


def balanced_batches(truth: np.ndarray, *, random_state: int) -> Iterator[np.ndarray]:
    """Yield positions without end: some labels, as many rows of each as fit, at least two.

    Labels come in turn, in an order that is drawn anew when too few are left for a batch; so do the rows of each.

    Parameters
    ----------
    truth : ndarray of int of shape (n_rows,)
        A label with one row stands there alone; it is still something to be kept away from.
    """
    random = np.random.default_rng(random_state)
    rows = [np.flatnonzero(truth == label) for label in np.unique(truth)]
    n_labels = min(len(rows), BATCH_ROWS // FEWEST_MATES)
    n_each = max(FEWEST_MATES, BATCH_ROWS // n_labels)
    of_label = [_in_turn(own, min(n_each, len(own)), random) for own in rows]
    for labels in _in_turn(np.arange(len(rows)), n_labels, random):
        yield np.concatenate([next(of_label[label]) for label in labels])


def _in_turn(values: np.ndarray, size: int, random: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield so many different values at a time, without end."""
    while True:
        order = random.permutation(values)
        for start in range(0, len(values) - size + 1, size):
            yield order[start : start + size]


class VectorsByLength(PooledVectors):
    """Pooled vectors, rows of like length run together: a batch that is balanced by label is not by length."""

    def forward(self, batch: TokenBatch) -> torch.Tensor:
        """Give vectors of shape (n_texts, hidden_size)."""
        lengths = batch.mask.sum(dim=1)
        order = lengths.argsort()
        parts: Sequence[torch.Tensor] = order.split(ROWS_TOGETHER)
        vectors = []
        for part in parts:
            width = int(lengths[part].max())
            some = TokenBatch(batch.input_ids[part, :width], batch.mask[part, :width])
            vectors.append(super().forward(some))
        return torch.cat(vectors)[order.argsort()]
