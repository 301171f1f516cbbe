"""Linear heads on the vectors of a frozen encoder: how each kind of answers chooses its penalty and its decoder.

What is chosen is chosen on validation rows, or where there are none on rows that are held out of the training rows; the
head is then fitted on all of these.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

import numpy as np

from metier.tasks.answers import Decodable, Decoder
from metier.tasks.answers.label import LabelDecoder
from metier.tasks.examples import Examples
from metier.training.heads.label_probe import UNFITTED_C, Questions, choose_label_probe, fit_label_probe
from metier.training.heads.linear_probe import Probe, fit_probe
from metier.training.heads.ridge_probe import fit_dense_ridge

PENALTIES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)  # A row, on standardised numbers.
UNFITTED_PENALTY = 0.3  # Where no row can be held out.


@dataclass(frozen=True)
class FittedHead:
    """A linear head and what makes answers of its logits.

    Parameters
    ----------
    weight, bias : ndarray of float64 of shape (n_logits, n_features) and (n_logits,)
    decoder : Decoder
    chosen : dict
        The strength of the penalty, under the name of its setting.
    facts : dict
        For the report.
    """

    weight: np.ndarray
    bias: np.ndarray
    decoder: Any
    chosen: dict[str, float] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of_probe(cls, probe: Probe, labels: Sequence[Any]) -> Self:
        """Make it of a probe of labels."""
        decoder = LabelDecoder(tuple(map(str, labels)), probe.temperature)
        return cls(probe.weight, probe.bias, decoder, {"C": probe.C})

    def logits(self, features: np.ndarray) -> np.ndarray:
        """Give the logits, an ndarray of float64 of shape (n_rows, n_logits)."""
        return np.asarray(features, dtype=np.float64) @ self.weight.T + self.bias


@dataclass(frozen=True)
class Rows:
    """What a head learns from.

    Parameters
    ----------
    features : ndarray of shape (n_rows, n_features)
    examples : Examples
    factors : ndarray of shape (n_features,), optional
        What standardised features are multiplied by, so that the penalty holds some of them back less; None: 1.
    """

    features: np.ndarray
    examples: Examples
    factors: np.ndarray | None = None

    def take(self, positions: np.ndarray) -> "Rows":
        """The rows at these positions, in this order."""
        return Rows(self.features[positions], self.examples.take(positions), self.factors)


class FrozenHead(Protocol):
    """A way to fit a head."""

    def fit(self, known: Rows, held: Rows | None, answer: Decodable, given: Mapping[str, Any]) -> FittedHead:
        """Choose what is not given, and fit.

        Parameters
        ----------
        known, held : Rows
            To learn from, and to choose on where there are such rows.
        given : mapping
            The settings of the method; None where a choice is left.
        """
        ...


class LabelHead:
    """Multinomial logistic regression; its penalty and the temperature are chosen together, by log-loss."""

    def fit(self, known: Rows, held: Rows | None, answer: Decodable, given: Mapping[str, Any]) -> FittedHead:
        """Fit a probe; see `training.heads.linear_probe`."""
        probe = fit_probe(
            known.features,
            known.examples.truth,
            C=given["C"],
            temperature=given["temperature"],
            validation=None if held is None else (held.features, held.examples.truth),
            factors=known.factors,
            random_state=given["random_state"],
        )
        return FittedHead.of_probe(probe, known.examples.labels.tolist())


# From rows and the strength of the penalty to weight and bias.
FitWeights = Callable[[Rows, float], tuple[np.ndarray, np.ndarray]]
# From rows to learn from and to choose on, and a strength or None, to the best strength and the logits of the latter.
Choose = Callable[[Sequence[tuple[Rows, Rows]], float | None], tuple[float, np.ndarray]]


@dataclass(frozen=True)
class PenalisedHead:
    """A head whose penalty is chosen first, and its decoder on the logits that held-out rows then have.

    Parameters
    ----------
    setting : str
        Name of the method's setting of the penalty.
    unfitted : float
        Its strength where nothing can be chosen.
    choose, fit_weights : callable
    """

    setting: str
    unfitted: float
    choose: Choose
    fit_weights: FitWeights

    def fit(self, known: Rows, held: Rows | None, answer: Decodable, given: Mapping[str, Any]) -> FittedHead:
        """Choose what is not given, and fit on all rows."""
        strength, facts = given[self.setting], {}
        decoder: Decoder = answer.decoder(known.examples, **given)
        if None in (strength, *(given[choice] for choice in answer.chooses)):
            splits, judged = _splits(known, held, answer, given["random_state"])
            facts["held_out_rows"] = len(judged)
            if splits:
                strength, logits = self.choose(splits, strength)
                decoder = answer.fit_decoder(logits, judged, **given)
        strength = strength or self.unfitted
        weight, bias = self.fit_weights(known, strength)
        return FittedHead(weight, bias, decoder, {self.setting: strength}, facts)


def _splits(
    known: Rows, held: Rows | None, answer: Decodable, random_state: Any
) -> tuple[list[tuple[Rows, Rows]], Examples]:
    """Give rows to learn from and to choose on, and all of the latter."""
    if held is not None:
        return [(known, held)], held.examples
    folds = list(answer.folds(known.examples, random_state=random_state))
    judged = np.concatenate([held_out for _, held_out in folds]) if folds else np.zeros(0, dtype=np.int64)
    return [(known.take(kept), known.take(held_out)) for kept, held_out in folds], known.examples.take(judged)


def _choose_of_sets(splits: Sequence[tuple[Rows, Rows]], C: float | None) -> tuple[float, np.ndarray]:
    asked = [tuple(_questions(rows) for rows in split) for split in splits]
    return choose_label_probe(asked, C=C)  # type: ignore[arg-type]


def _questions(rows: Rows) -> Questions:
    return Questions(rows.features, rows.examples.truth, factors=rows.factors)


def _fit_of_sets(known: Rows, C: float) -> tuple[np.ndarray, np.ndarray]:
    probe = fit_label_probe(_questions(known), C=C)
    return probe.weight, probe.bias


def _choose_ridge(splits: Sequence[tuple[Rows, Rows]], penalty: float | None) -> tuple[float, np.ndarray]:
    """Give the penalty of the lowest squared error on held-out rows, and the scores it gave them."""
    truth = np.concatenate([held.examples.truth for _, held in splits])
    found = {}
    for strength in PENALTIES if penalty is None else (penalty,):
        scores = []
        for known, held in splits:
            weight, bias = _fit_ridge(known, strength)
            scores.append(held.features @ weight[0] + bias[0])
        found[strength] = np.concatenate(scores)
    best = min(found, key=lambda strength: float(np.square(truth - found[strength]).mean()))
    return best, found[best]


def _fit_ridge(known: Rows, penalty: float) -> tuple[np.ndarray, np.ndarray]:
    weight, bias = fit_dense_ridge(known.features, known.examples.truth, penalty=penalty, factors=known.factors)
    return weight[None, :], np.array([bias])


LABEL_HEAD = LabelHead()
LABEL_SET_HEAD = PenalisedHead("C", UNFITTED_C, _choose_of_sets, _fit_of_sets)
SCORE_HEAD = PenalisedHead("penalty", UNFITTED_PENALTY, _choose_ridge, _fit_ridge)
