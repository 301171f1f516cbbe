"""Many labels by the base as it came, and a logistic regression a label on its embeddings."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from metier.bases.known_bases import load_model, resolve_base
from metier.export.graph_export import Exported, export_graph, keep_report, pooled, sample_of, typical_rows
from metier.export.precision_choice import check_precision
from metier.predictors.answers import LabelSetAnswers
from metier.predictors.label_rule_fitting import fit_rule
from metier.predictors.label_sets import LabelRule
from metier.progress import Listener, ignore
from metier.tasks.estimators import LabelSetMethod
from metier.tasks.label_sets import LabelSets, check_label_sets
from metier.tasks.method_contract import Capabilities, CostRank
from metier.text.language import detect_language
from metier.training.heads.label_probe import UNFITTED_C, Questions, choose_label_probe, fit_label_probe
from metier.transformer.frozen.base_cost import ReadsByFrozenBase
from metier.transformer.frozen.pair_vectors import frozen_vectors
from metier.transformer.tuned.many_labels_encoder import check_of_sets


class FrozenManyLabels(ReadsByFrozenBase, LabelSetMethod):
    """Mean-pooled embeddings of a frozen pretrained encoder, then a logistic regression and a threshold a label.

    Embeddings are computed once and kept on disk, so a second fit takes seconds. Sigmoids and thresholds are those of
    `ManyLabelsLinear`.

    Parameters
    ----------
    base : str, default="auto"
        A folder, a known short name, a hub name; `auto` picks by the language of the texts.
    C : float, default=None
        Inverse strength of the penalty on standardised embeddings; None: chosen on validation.
    rule : mapping of str to [slope, offset, threshold], default=None
        Of the sigmoid of each label, and from which probability on it is answered; None: fitted on validation.
    precision : {"auto", "fp32", "int8"}, default="auto"
        Of the exported encoder; `auto` keeps INT8 only where it is proved equal and measured faster.
    random_state : int, default=0

    Attributes
    ----------
    classes_ : ndarray of shape (n_labels,)
        Labels, in the order of the columns of `predict_proba`.
    base_ : Base
        The base that was used.
    probe_ : LabelProbe
        Weight and bias of the heads.
    rule_ : LabelRule
    chosen_params_ : dict
        What to set so that another fit needs no validation.
    """

    name = "frozen_many_labels.v1"
    capabilities: ClassVar[Capabilities] = Capabilities(cost=CostRank.FROZEN, needs_base=True)

    def __init__(
        self,
        *,
        base: str = "auto",
        C: float | None = None,
        rule: dict[str, list[float]] | None = None,
        precision: str = "auto",
        random_state: int = 0,
    ):
        self.base = base
        self.C = C
        self.rule = rule
        self.precision = precision
        self.random_state = random_state

    def fit(
        self, X: Any, y: Any, *, validation: tuple[Any, Any] | None = None, listener: Listener = ignore
    ) -> Self:
        """Embed the texts, or look their embeddings up, and fit the heads.

        Without `validation`, rows are held out to choose C, sigmoids and thresholds on; the heads are then fitted on
        all.
        """
        check_precision(self.precision)
        examples = check_label_sets(X, y)
        unseen = None if validation is None else check_label_sets(*validation, labels=examples.labels)
        self.base_ = resolve_base(self.base, language=detect_language(examples.texts).main_language)
        known = Questions(frozen_vectors(self.base_, examples.texts, listener=listener), examples.truth)
        C, rule = self.C or UNFITTED_C, LabelRule.from_rule(self.rule or {}, examples.labels)
        if self.C is None or self.rule is None:
            splits = self._splits(known, examples, unseen, listener)
            if splits:
                C, margins = choose_label_probe(splits, C=self.C)
                truth = np.concatenate([split[1].truth for split in splits])
                fitted = fit_rule(margins, truth, labels=examples.labels, parents=examples.parents)
                rule = fitted if self.rule is None else rule
        self.probe_ = fit_label_probe(known, C=C)
        self.rule_ = rule
        self.classes_ = np.array(examples.labels)
        self.chosen_params_: dict[str, Any] = {"base": self.base_.name, "C": C, "rule": rule.rule}
        self.facts_: dict[str, Any] = {"base": self.base_.name}
        self._unseen = unseen
        self._sample = typical_rows(examples.texts)
        return self

    def export(self, folder: Path) -> None:
        """Leave the files that `predictors.onnx.onnx_many_labels` answers from, and a Hugging Face folder."""
        check_is_fitted(self)
        exported = Exported(
            "onnx_many_labels.v1",
            self.name,
            self.base_,
            pooled(load_model(self.base_), self.base_, unit_length=True),
            self.rule_,
            head={"weight": self.probe_.weight, "bias": self.probe_.bias},
            settings={"reading": "vectors"},
        )
        check = None if self._unseen is None else check_of_sets(self._unseen)
        sample = sample_of(self.base_, self._sample)
        report = export_graph(exported, folder, check=check, sample=sample, precision=self.precision)
        keep_report(self, report)

    def _answer(self, texts: Sequence[str]) -> LabelSetAnswers:
        return self.rule_.answer(self.probe_.margins(frozen_vectors(self.base_, texts)), self.name)

    def _splits(
        self, known: Questions, examples: LabelSets, unseen: LabelSets | None, listener: Listener
    ) -> list[tuple[Questions, Questions]]:
        if unseen is not None:
            away = frozen_vectors(self.base_, unseen.texts, listener=listener)
            return [(known, Questions(away, unseen.truth))]
        return [
            (
                Questions(known.embeddings[kept], known.truth[kept]),
                Questions(known.embeddings[held], known.truth[held]),
            )
            for kept, held in examples.folds(check_random_state(self.random_state))
        ]
