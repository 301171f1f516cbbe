"""The base fine-tuned whole, its head started from the frozen linear solution."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from metier.bases.embedding import embed
from metier.bases.known_bases import cutter_of, load_model
from metier.evaluation.calibration import SMALLEST_PROBABILITY, fit_temperature
from metier.evaluation.metrics import accuracy
from metier.evaluation.softmax import softmax
from metier.export.graph_export import Exported, export_graph, keep_report, pooled, sample_of, typical_rows
from metier.export.precision_choice import EquivalenceCheck
from metier.progress import Listener, ignore
from metier.tasks.answers.label import LabelDecoder
from metier.tasks.estimators import Classifier
from metier.tasks.examples import Examples, check_examples
from metier.tasks.method_contract import Capabilities, CostRank
from metier.tasks.soft_labels import check_soft
from metier.text.given_texts import as_texts
from metier.text.language import detect_language
from metier.training.batching import TokenisedRows
from metier.training.encoder_settings import check_settings, resolve_base_of
from metier.training.fine_tuned import FineTuned, label_split
from metier.training.fine_tuning import TuningSettings, checkpoints_of, fine_tune
from metier.training.heads.linear_probe import fit_probe
from metier.training.heads.pooled_classifier import PooledClassifier
from metier.training.inherited_settings import with_settings_of
from metier.training.objectives import Objective, objective_of
from metier.training.objectives.soft_labels import with_soft
from metier.training.training_cost import Cost, measure_training


@with_settings_of(FineTuned)
class Encoder(Classifier, FineTuned):
    """A pretrained encoder fine-tuned whole, mean-pooled, with a linear head.

    The head starts from the solution on the frozen encoder (linear probing, then fine-tuning [1]_): a random
    head would first pull the features apart. Every epoch is scored on validation by log-loss; the weights of the
    last one that is not shown to be worse than the best are kept. With some thousand rows it gains about a point
    over `FrozenLinear` for ten times the training; with a few hundred prefer that. Of a text past the limit of the base
    every epoch learns one window (see `window_shares`), and the logits of all are averaged in answering.

    Parameters
    ----------
    label_smoothing : float, default=0.1
        Share of the target that is spread over all labels.
    objective : str, default="cross_entropy+supcon:0.3"
        What is minimised: a loss of the labels (`cross_entropy`, `focal:2`) and what is put on it, joined by `+`:
        `r_drop:0.5`, `fgm:1`, `pgd:1:3`, `supcon:0.3`, `mixup:0.4`, `simcse:0.1`, `ewc:1`;
        see `training.objectives.composition`.
        The contrast costs nothing and lowered log-loss on held-out rows wherever it was tried (docs/measurements.md).
    class_weights : {"balanced"}, default=None
        `balanced`: every label counts alike, however rare.
    C, temperature : float, default=None
        Of the linear solution the head starts from, and of the final softmax; None: chosen on validation.
    settings : see `FineTuned`

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, in the order of the columns of `predict_proba`.
    base_ : Base
        The base that was used.
    chosen_params_ : dict
        What to set so that another fit needs no validation.
    facts_ : dict
        How training went: epochs, steps, why it stopped, what each epoch scored.

    References
    ----------
    .. [1] Kumar et al., "Fine-tuning can distort pretrained features and underperform out-of-distribution",
       2022,
       arXiv:2202.10054.
    """

    name = "encoder.v1"
    capabilities: ClassVar[Capabilities] = Capabilities(
        cost=CostRank.FINE_TUNED,
        needs_base=True,
        takes_adaptation=True,
        takes_objective=True,
        takes_soft_labels=True,
        trains_together=True,
    )
    learned = (*FineTuned.learned, "classes_", "model_", "temperature_")

    def __init__(
        self,
        *,
        label_smoothing: float = 0.1,
        objective: str = "cross_entropy+supcon:0.3",
        class_weights: str | None = None,
        C: float | None = None,
        temperature: float | None = None,
        **settings: Any,
    ):
        super().__init__(**settings)
        self.label_smoothing = label_smoothing
        self.objective = objective
        self.class_weights = class_weights
        self.C = C
        self.temperature = temperature

    def fit(
        self,
        X: Any,
        y: Any,
        *,
        validation: tuple[Any, Any] | None = None,
        soft: Any = None,
        listener: Listener = ignore,
    ) -> Self:
        """Fine-tune the base on texts and their labels, one label a text.

        Without `validation`, and unless `stop_epoch` and `temperature` are set, a first training on nine tenths
        of the rows makes the choices on the last tenth, and a second one trains on all rows with them.

        Parameters
        ----------
        soft : array of shape (n_texts, n_classes), optional
            Probabilities of the labels of `y`, sorted, for each text: what labelling rules or a teacher say. They are
            learned in the place of `y`; with `distillation` in the objective, beside it.

        Raises
        ------
        SettingsError
            If settings are out of range, or `soft` is not of that shape or not of probabilities.
        """
        check_settings(self)
        examples = check_examples(X, y)
        if soft is not None:
            soft = check_soft(soft, n_rows=len(examples), classes=examples.classes)
            examples = replace(examples, soft=soft)
        unseen = None if validation is None else check_examples(*validation, classes=examples.classes)
        return self._fit(examples, unseen, listener)

    def _probabilities(self, items: Sequence[Any]) -> np.ndarray:
        return softmax(cutter_of(self.base_).average(self._logits, items) / self.temperature_)

    def export(self, folder: Path) -> None:
        """Leave the files that `predictors.onnx.onnx_encoder` answers from, and a Hugging Face folder."""
        check_is_fitted(self)
        head, unseen = self.model_.head, self._unseen
        exported = Exported(
            "onnx_encoder.v1",
            self.name,
            self.base_,
            pooled(self.model_.encoder, self.base_),
            LabelDecoder(tuple(map(str, self.classes_)), self.temperature_),
            head={"weight": head.weight.detach().numpy(), "bias": head.bias.detach().numpy()},
        )
        check = None if unseen is None else EquivalenceCheck.of_labels(unseen.texts, unseen.truth)
        sample = sample_of(self.base_, self._sample)
        report = export_graph(exported, folder, check=check, sample=sample, precision=self.precision)
        keep_report(self, report)

    def measure(self, X: Any, y: Any = None, *, n_batches: int = 3) -> Cost:
        """Time a few real batches of these texts and say what an epoch costs here; nothing is learned."""
        check_settings(self)
        texts = as_texts(X)
        base = resolve_base_of(self, language=detect_language(texts).main_language)
        return measure_training(
            base,
            cutter_of(base).first(texts),
            n_classes=2 if y is None else max(2, len(set(y))),
            token_budget=self.token_budget,
            dropout=self.dropout,
            adaptation=self.adaptation,
            n_batches=n_batches,
        )

    def _fit(self, examples: Examples, unseen: Examples | None, listener: Listener) -> Self:
        if unseen is None and (self.stop_epoch is None or self.temperature is None):
            split = label_split(examples, random_state=self.random_state)
            # Where nothing can be chosen, the logits are left alone.
            unsettled = {"temperature": self.temperature or 1.0}
            return self._choose_then_fit(examples, split, unsettled, listener)
        self.base_ = resolve_base_of(self, language=detect_language(examples.texts).main_language)
        self.classes_ = examples.classes
        self._unseen = unseen
        self._sample = typical_rows(examples.texts)
        self._fine_tune(examples, unseen, listener)
        return self

    def _fine_tune(self, examples: Examples, unseen: Examples | None, listener: Listener) -> None:
        base, cutter = self.base_, cutter_of(self.base_)
        C, weight, bias = self._start_of_head(examples, unseen, listener)
        self.model_ = PooledClassifier(load_model(base), weight, bias, normalise=base.normalise)
        self.model_.set_dropout(self.dropout)
        pad_id = self.model_.pad_id
        rows = TokenisedRows.cut(cutter, examples.texts, examples.truth, pad_id)
        if examples.soft is not None:
            rows = with_soft(rows, examples.soft, objective=self.objective)
        away = None if unseen is None else TokenisedRows.cut(cutter, unseen.texts, unseen.truth, pad_id)
        parts = [rows] if away is None else [rows, away]
        targets = [part.truth.tobytes() for part in (examples, unseen) if part is not None]
        targets += [] if examples.soft is None else [examples.soft.tobytes()]
        rows, objective = self._learned(rows)
        tuned = fine_tune(
            self.model_,
            rows,
            objective=objective,
            settings=TuningSettings.of(self),
            validation=away,
            score=_score,
            checkpoints=checkpoints_of(self, base, [own for part in parts for own in part.ids], targets),
            what=f"{self.name}: fine-tuning {base.name}",
            listener=listener,
        )
        if away is not None and unseen is not None and self.temperature is None:
            self.temperature_ = fit_temperature(cutter.average(self._logits, unseen.texts), unseen.truth)
        else:
            self.temperature_ = float(self.temperature or 1.0)
        self.facts_: dict[str, Any] = {"base": base.name, **tuned.facts}
        self.chosen_params_ = {"base": base.name, "C": C, **tuned.chosen, "temperature": self.temperature_}

    def _learned(self, rows: TokenisedRows) -> tuple[TokenisedRows, Objective]:
        """Give the rows that are learned and what is minimised on them; who learns from more rows adds them here."""
        return rows, objective_of(self, self.model_, rows)

    def _start_of_head(
        self, examples: Examples, unseen: Examples | None, listener: Listener
    ) -> tuple[float, np.ndarray, np.ndarray]:
        embeddings = embed(self.base_, examples.texts, listener=listener)
        away = None if unseen is None else (embed(self.base_, unseen.texts, listener=listener), unseen.truth)
        probe = fit_probe(
            embeddings,
            examples.truth,
            C=self.C,
            temperature=1.0 if self.C else None,
            validation=away,
            random_state=self.random_state,
        )
        return probe.C, probe.weight, probe.bias

    def _logits(self, ids: Sequence[Sequence[int]]) -> np.ndarray:
        return self.model_.logits(TokenisedRows(ids, None, self.model_.pad_id))


def _score(model: PooledClassifier, rows: TokenisedRows) -> dict[str, float]:
    """What epochs are compared by: log-loss at the best temperature, since accuracies of neighbours tie."""
    assert rows.truth is not None
    logits = model.logits(rows)
    given = softmax(logits / fit_temperature(logits, rows.truth))[np.arange(len(rows)), rows.truth]
    losses = -np.log(np.maximum(given, SMALLEST_PROBABILITY))
    return {
        "accuracy": accuracy(rows.truth, logits.argmax(axis=1)),
        "log_loss": float(losses.mean()),
        "score": -float(losses.mean()),
        "score_error": float(losses.std() / np.sqrt(len(losses))),
    }
