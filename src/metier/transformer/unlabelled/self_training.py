"""The frozen base with a linear head that also learns from unlabelled texts: from those with high confidence."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np

from metier.progress import Listener, ignore
from metier.tasks.method_contract import Capabilities, CostRank
from metier.tasks.method_settings import with_settings
from metier.training.heads.frozen_heads import FittedHead
from metier.training.heads.linear_probe import fit_probe
from metier.training.training_cost import Cost
from metier.transformer.frozen.frozen_method import FrozenLinear
from metier.transformer.frozen.frozen_settings import SelfTrainingSettings

ROUNDS_SECONDS = 10.0  # The head is fitted again in every round.


@dataclass(frozen=True)
class PseudoLabels:
    """Rows that were given a label.

    Parameters
    ----------
    positions, labels : ndarray of int64 of shape (n_chosen,)
        Which rows, and the column of the label of each.
    """

    positions: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.positions)


def choose_pseudo_labels(
    probabilities: np.ndarray, truth: np.ndarray, *, confidence: float, growth: float
) -> PseudoLabels:
    """Choose rows for each label, the most confident first, in the proportions of the labelled rows.

    The most confident rows are mostly those of the easy labels; used without balancing, they would bias the next model
    towards these. So each label gets its own number of rows [1]_, the most confident first, none below a threshold.

    Parameters
    ----------
    probabilities : ndarray of shape (n_rows, n_classes)
        Calibrated, of the unlabelled rows.
    truth : ndarray of int of shape (n_labelled,)
        Labels of the labelled rows.
    confidence : float
        Least probability of the label, 0 to 1.
    growth : float
        For each labelled row of a label at most so many unlabelled ones, at least one a label.

    References
    ----------
    .. [1] Zou et al., "Unsupervised domain adaptation for semantic segmentation via class-balanced self-training", 2018.
    """
    given, sureness = probabilities.argmax(axis=1), probabilities.max(axis=1)
    order = np.argsort(-sureness, kind="stable")
    order = order[sureness[order] >= confidence]
    by_label = order[np.argsort(given[order], kind="stable")]
    counts = np.bincount(given[by_label], minlength=probabilities.shape[1])
    rank = np.arange(len(by_label)) - np.repeat(np.cumsum(counts) - counts, counts)
    most = np.maximum(1, np.floor(growth * np.bincount(truth, minlength=probabilities.shape[1])))
    kept = np.sort(by_label[rank < most[given[by_label]]])
    return PseudoLabels(kept.astype(np.int64), given[kept].astype(np.int64))


@with_settings(SelfTrainingSettings)
class SelfTraining(FrozenLinear):
    """Self-training of `FrozenLinear`: it pseudo-labels unlabelled texts with high confidence, and trains again with
    them [1]_.

    The probabilities are calibrated, so the confidence threshold is meaningful, and every label gets pseudo-labelled
    rows in its proportion. Each round takes more rows than the last. For few labels and many unlabelled texts; its
    supervised counterpart is `frozen_linear.v1`, and without unlabelled texts it is the same.

    Attributes
    ----------
    facts_ : dict
        `unlabelled` and, a round, how many texts were `pseudo_labelled`.

    References
    ----------
    .. [1] Yarowsky, "Unsupervised word sense disambiguation rivaling supervised methods", 1995.
    """

    name = "self_training.v1"
    capabilities: ClassVar[Capabilities] = Capabilities(
        cost=CostRank.FROZEN, baseline="frozen_linear.v1", needs_base=True, learns_from_unlabelled=True
    )

    def fit(
        self, X: Any, y: Any, *, validation: tuple[Any, Any] | None = None, listener: Listener = ignore
    ) -> Self:
        """Fit the teacher on the labelled texts, then, round by round, also on those with high confidence.

        C and temperature are chosen on validation, or on labelled rows that are held out; never on rows that were
        labelled here.
        """
        super().fit(X, y, validation=validation, listener=listener)
        pseudo_labelled = []
        if self.unlabelled:
            examples, validation_rows = self._read_rows(X, y, validation)
            known = self._features(examples.items, listener)
            others = self._features(self.unlabelled, listener)
            validation_features = (
                None
                if validation_rows is None
                else (self._features(validation_rows.items), validation_rows.truth)
            )
            for number in range(self.rounds):
                chosen = choose_pseudo_labels(
                    self.head_.decoder.probabilities(self.head_.logits(others)),
                    examples.truth,
                    confidence=self.confidence,
                    growth=self.growth * 2**number,
                )
                if len(chosen):
                    self._refit(
                        np.concatenate([known, others[chosen.positions]]),
                        np.concatenate([examples.truth, chosen.labels]),
                        validation_features,
                    )
                pseudo_labelled.append(len(chosen))
        self.facts_ |= {"unlabelled": len(self.unlabelled or ()), "pseudo_labelled": pseudo_labelled}
        self.chosen_params_ |= {**self.head_.chosen, **self.head_.decoder.chosen}
        return self

    def measure(self, X: Any, y: Any = None) -> Cost:
        """Time a few real batches and say what a fit costs here: unlabelled texts go through the base, too."""
        cost = super().measure(X, y)
        share = 1 + len(self.unlabelled or ()) / len(X)
        return replace(cost, seconds_before=cost.seconds_before * share, seconds_fixed=ROUNDS_SECONDS)

    def _refit(
        self,
        embeddings: np.ndarray,
        truth: np.ndarray,
        validation_features: tuple[np.ndarray, np.ndarray] | None,
    ) -> None:
        is_free = validation_features is not None
        probe = fit_probe(
            embeddings,
            truth,
            C=self.C if is_free else self.head_.chosen["C"],
            temperature=self.temperature if is_free else self.head_.decoder.temperature,
            validation=validation_features,
            random_state=self.random_state,
        )
        self.head_ = FittedHead.of_probe(probe, self.classes_.tolist())
