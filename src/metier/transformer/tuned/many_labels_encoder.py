"""Many labels by the base fine-tuned whole, one sigmoid a label."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import numpy as np

from metier.export.graph_export import Exported
from metier.export.precision_choice import EquivalenceCheck
from metier.predictors.answers import LabelSetAnswers
from metier.predictors.label_rule_fitting import fit_rule, micro_f1
from metier.predictors.label_sets import LabelRule
from metier.tasks.estimators import LabelSetMethod
from metier.tasks.label_sets import LabelSets, check_label_sets
from metier.tasks.many_labels import parent_columns
from metier.tasks.method_contract import Capabilities, CostRank
from metier.text.given_texts import as_texts
from metier.training.batching import TokenisedRows
from metier.training.heads.label_probe import UNFITTED_C, Questions, choose_label_probe, fit_label_probe
from metier.training.heads.pooled_classifier import PooledClassifier
from metier.training.inherited_settings import with_settings_of
from metier.training.tuned_method import TunedEncoder, mean_and_error


@with_settings_of(TunedEncoder)
class ManyLabelsEncoder(LabelSetMethod, TunedEncoder):
    """A pretrained encoder fine-tuned whole by binary cross-entropy, then a sigmoid and a threshold a label.

    The head starts from the logistic regressions on the frozen base. Sigmoids and thresholds are those of
    `ManyLabelsLinear`, fitted on validation.

    Parameters
    ----------
    objective : str, default=None
        What is put on the binary cross-entropy, or `focal:2` in its place, joined by `+`: `r_drop:0.5`, `fgm:1`,
        `pgd:1:3`, `simcse:0.1`, `ewc:1`; see `training.objectives.composition`.
    rule : mapping of str to [slope, offset, threshold], default=None
        Of the sigmoid of each label, and from which probability on it is answered; None: fitted on validation.
    settings : see `TunedEncoder`

    Attributes
    ----------
    classes_ : ndarray of shape (n_labels,)
        Labels, in the order of the columns of `predict_proba`.
    base_ : Base
        The base that was used.
    rule_ : LabelRule
    chosen_params_ : dict
        What to set so that another fit needs no validation.
    facts_ : dict
        How training went: epochs, steps, why it stopped, what each epoch scored.
    """

    name = "many_labels_encoder.v1"
    capabilities: ClassVar[Capabilities] = Capabilities(
        cost=CostRank.FINE_TUNED,
        needs_base=True,
        takes_adaptation=True,
        takes_objective=True,
        trains_together=True,
    )
    answers = "label_set"
    learned = (*TunedEncoder.learned, "classes_", "rule_")

    def __init__(
        self,
        *,
        rule: dict[str, list[float]] | None = None,
        **settings: Any,
    ):
        super().__init__(**settings)
        self.rule = rule

    def _answer(self, texts: Sequence[str]) -> LabelSetAnswers:
        return self.rule_.answer(self.margins(texts), self.name)

    def _is_settled(self) -> bool:
        return self.stop_epoch is not None and self.rule is not None

    def _unsettled(self, examples: LabelSets) -> dict[str, Any]:
        return {"rule": self.rule or {}, "C": self.C or UNFITTED_C}

    def _read(self, X: Any) -> Sequence[Any]:
        return as_texts(X)

    def _check(self, X: Any, y: Any, *, known: Any | None = None) -> LabelSets:
        return check_label_sets(X, y, labels=None if known is None else known.labels)

    def _inputs(self, examples: LabelSets) -> Sequence[Any]:
        return examples.texts

    def _truth(self, examples: LabelSets) -> np.ndarray:
        return examples.truth.astype(np.float32)

    def _splits(self, examples: LabelSets, random: np.random.RandomState) -> Iterator[tuple[Any, Any]]:
        return examples.held_out(random)

    def _start_of_head(
        self, examples: LabelSets, vectors: np.ndarray, away: tuple[LabelSets, np.ndarray] | None
    ) -> tuple[float, np.ndarray, np.ndarray]:
        known, C = Questions(vectors, examples.truth), self.C or UNFITTED_C
        if self.C is None and away is not None:
            C, _ = choose_label_probe([(known, Questions(away[1], away[0].truth))])
        probe = fit_label_probe(known, C=C)
        return C, probe.weight, probe.bias

    def _score(self, model: PooledClassifier, rows: TokenisedRows) -> dict[str, float]:
        """Compare epochs by log-loss: F1 jumps with a few rows at a threshold."""
        assert rows.truth is not None
        logits = model.logits(rows)
        losses = (np.logaddexp(0, logits) - rows.truth * logits).mean(axis=1)
        labels = [str(column) for column in range(logits.shape[1])]
        truth = rows.truth > 0
        rule = fit_rule(logits, truth, labels=labels, parents=parent_columns(labels))
        return {"micro_f1": micro_f1(rule, logits, truth), **mean_and_error(losses)}

    def _settle(self, examples: LabelSets, unseen: LabelSets | None) -> dict[str, Any]:
        self.classes_ = np.array(examples.labels)
        if self.rule is None and unseen is not None:
            margins = self.margins(unseen.texts)
            self.rule_ = fit_rule(margins, unseen.truth, labels=examples.labels, parents=examples.parents)
        else:
            self.rule_ = LabelRule.from_rule(self.rule or {}, examples.labels)
        return {"rule": self.rule_.rule}

    def _exported(self) -> Exported:
        return self._exported_with("onnx_many_labels.v1", self.rule_, *self._weights())

    def _equivalence_check(self, unseen: LabelSets) -> EquivalenceCheck:
        return check_of_sets(unseen)


def check_of_sets(unseen: LabelSets) -> EquivalenceCheck:
    """Let INT8 prove itself by whole sets: a row is right if every label of it is."""

    def is_correct(answers: LabelSetAnswers, some: slice) -> np.ndarray:
        answered = answers.probabilities >= answers.thresholds
        return np.asarray((answered == unseen.truth[some]).all(axis=1))

    return EquivalenceCheck.on_rows(unseen.texts, is_correct)
