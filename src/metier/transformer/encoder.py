"""The base fine-tuned whole, its head started from the frozen linear solution."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted

from metier.evaluation.calibration import SMALLEST_PROBABILITY, fit_temperature
from metier.evaluation.metrics import accuracy
from metier.progress import Listener, ignore
from metier.tasks.examples import Examples, check_examples
from metier.tasks.folds import held_out
from metier.tasks.soft_labels import check_soft
from metier.tasks.softmax import softmax
from metier.text.given_texts import as_texts
from metier.text.language import detect_language
from metier.transformer.bases import cutter_of, load_model
from metier.transformer.batching import TokenisedRows
from metier.transformer.embedding import embed
from metier.transformer.encoder_settings import check_settings, resolve_base_of
from metier.transformer.export import SAMPLED_ROWS, export_encoder
from metier.transformer.fine_tuning import TuningSettings, checkpoints_of, fine_tune
from metier.transformer.linear_probe import fit_probe
from metier.transformer.objectives import Objective, objective_of
from metier.transformer.objectives.soft_labels import with_soft
from metier.transformer.pooled_classifier import PooledClassifier
from metier.transformer.preflight import Cost, measure_training

LEARNED = ("classes_", "base_", "model_", "temperature_", "chosen_params_", "facts_", "_gate_rows", "_sample")


class Encoder(ClassifierMixin, BaseEstimator):
    """A pretrained encoder fine-tuned whole, mean-pooled, with a linear head.

    The head starts from the solution on the frozen encoder (linear probing, then fine-tuning [1]_): a random
    head would first pull the features apart. Every epoch is scored on validation by log-loss; the weights of the
    last one that is not shown to be worse than the best are kept. With some thousand rows it gains about a point
    over `FrozenLinear` for ten times the training; with a few hundred prefer that. Of a text past the limit of the base
    every epoch learns one window (see `window_shares`), and the logits of all are averaged in answering.

    Parameters
    ----------
    base : str, default="auto"
        A folder, a known short name, a hub name; `auto` picks by the language of the texts.
    adaptation : str, default="full"
        What of the base trains: `full`, `head`, `top:2`, `lora:8`, `adalora:8`, `prefix:16`, `prompt:16`, `adapter:48`,
        `bitfit` or `ia3`; see `transformer.adaptation`.
    epochs : int, default=3
        Length of the learning-rate schedule.
    stop_epoch : int, default=None
        Stop after this epoch of the schedule and keep its weights; None: the best epoch on validation.
    learning_rate : float, default=None
        Of the head and the uppermost layer, at its peak; None: by the number of steps, see
        `encoder_settings.default_learning_rate`.
    layer_decay : float, default=0.9
        Factor of the learning rate from each layer to the one below.
    warmup_fraction : float, default=0.06
        Share of the steps in which the learning rate rises.
    weight_decay : float, default=0.01
        Not on norms, biases, embeddings and the head.
    token_budget : int, default=1024
        Tokens of a batch, padding included.
    label_smoothing : float, default=0.1
        Share of the target that is spread over all labels.
    objective : str, default="cross_entropy"
        What is minimised: a loss of the labels (`cross_entropy`, `focal:2`) and what is put on it, joined by `+`:
        `r_drop:0.5`, `fgm:1`, `pgd:1:3`, `supcon:0.3`, `mixup:0.4`, `simcse:0.1`, `ewc:1`; see `objectives.composition`.
    class_weights : {"balanced"}, default=None
        `balanced`: every label counts alike, however rare.
    dropout : float, default=0.0
        Of the encoder while it trains.
    accumulate : int, default=1
        Batches for one step.
    clip : float, default=1.0
        Largest norm of the gradient.
    gradient_checkpointing : bool, default=False
        Whether layers are computed again on the way back: less memory, a third more time.
    patience : int, default=None
        Stop after this many epochs without a better validation loss; None: never before the last.
    time_limit_minutes : float, default=None
        The learning rate reaches zero by then, however slow the machine; None: train for all epochs.
    checkpoint_folder : path, default=None
        Keep checkpoints there, and go on from the last one found there.
    C, temperature : float, default=None
        Of the linear solution the head starts from, and of the final softmax; None: chosen on validation.
    precision : {"auto", "fp32", "int8"}, default="auto"
        Of the exported encoder; `auto` keeps INT8 only where it is proved equal and measured faster.
    random_state : int, default=0

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

    def __init__(
        self,
        *,
        base: str = "auto",
        adaptation: str = "full",
        epochs: int = 3,
        stop_epoch: int | None = None,
        learning_rate: float | None = None,
        layer_decay: float = 0.9,
        warmup_fraction: float = 0.06,
        weight_decay: float = 0.01,
        token_budget: int = 1024,
        label_smoothing: float = 0.1,
        objective: str = "cross_entropy",
        class_weights: str | None = None,
        dropout: float = 0.0,
        accumulate: int = 1,
        clip: float = 1.0,
        gradient_checkpointing: bool = False,
        patience: int | None = None,
        time_limit_minutes: float | None = None,
        checkpoint_folder: str | Path | None = None,
        C: float | None = None,
        temperature: float | None = None,
        precision: str = "auto",
        random_state: int = 0,
    ):
        self.base = base
        self.adaptation = adaptation
        self.epochs = epochs
        self.stop_epoch = stop_epoch
        self.learning_rate = learning_rate
        self.layer_decay = layer_decay
        self.warmup_fraction = warmup_fraction
        self.weight_decay = weight_decay
        self.token_budget = token_budget
        self.label_smoothing = label_smoothing
        self.objective = objective
        self.class_weights = class_weights
        self.dropout = dropout
        self.accumulate = accumulate
        self.clip = clip
        self.gradient_checkpointing = gradient_checkpointing
        self.patience = patience
        self.time_limit_minutes = time_limit_minutes
        self.checkpoint_folder = checkpoint_folder
        self.C = C
        self.temperature = temperature
        self.precision = precision
        self.random_state = random_state

    def __sklearn_tags__(self) -> Tags:
        """Tell scikit-learn that `X` is a list of texts."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags

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
        self._soft = None if soft is None else check_soft(soft, n_rows=len(examples), classes=examples.classes)
        unseen = None if validation is None else check_examples(*validation, classes=examples.classes)
        is_settled = self.stop_epoch is not None and self.temperature is not None
        if unseen is None and not is_settled:
            return self._choose_then_fit(examples, listener)
        self.base_ = resolve_base_of(self, language=detect_language(examples.texts).main_language)
        self.classes_ = examples.classes
        self._gate_rows = unseen
        # Evenly: files are often sorted by label.
        self._sample = examples.texts[:: max(1, len(examples) // SAMPLED_ROWS)]
        self._fine_tune(examples, unseen, listener)
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Give the calibrated probability of each label for each text.

        Returns
        -------
        ndarray of float64 of shape (n_texts, n_classes)
            Each row sums to 1.

        Raises
        ------
        NotFittedError
            If called before `fit`.
        """
        check_is_fitted(self)
        logits = cutter_of(self.base_).average(self._logits, as_texts(X))
        return softmax(logits / self.temperature_)

    def predict(self, X: Any) -> np.ndarray:
        """Give the most probable label for each text."""
        best = self.predict_proba(X).argmax(axis=1)
        return self.classes_[best]

    def export(self, folder: Path) -> None:
        """Leave the files that `predictors.onnx_encoder` answers from, and a Hugging Face folder."""
        check_is_fitted(self)
        report = export_encoder(
            self.model_.encoder,
            self.base_,
            folder,
            weight=self.model_.head.weight.detach().numpy(),
            bias=self.model_.head.bias.detach().numpy(),
            labels=[str(label) for label in self.classes_],
            name=self.name,
            temperature=self.temperature_,
            validation=None if self._gate_rows is None else (self._gate_rows.texts, self._gate_rows.truth),
            sample=self._sample,
            precision=self.precision,
        )
        # What validation decided holds for a refit on all rows too, which has no rows left to decide on.
        self.chosen_params_["precision"] = report.chosen
        self.facts_["export"] = asdict(report)

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

    def _choose_then_fit(self, examples: Examples, listener: Listener) -> Self:
        # One row a label: nothing can be chosen, so train to the end and leave the logits alone.
        chosen: dict[str, Any] = {"stop_epoch": self.epochs, "temperature": self.temperature or 1.0}
        split = next(held_out(examples.truth, random=check_random_state(self.random_state)), None)
        if split is not None:
            kept, held = (examples.take(positions) for positions in split)
            trial = self._sibling("choice").fit(
                kept.texts,
                kept.classes[kept.truth],
                validation=(held.texts, held.classes[held.truth]),
                soft=None if self._soft is None else self._soft[split[0]],
                listener=listener,
            )
            chosen = trial.chosen_params_
        final = self._sibling("all").set_params(**chosen)
        final.fit(examples.texts, examples.classes[examples.truth], soft=self._soft, listener=listener)
        for name in LEARNED:
            setattr(self, name, getattr(final, name))
        return self

    def _sibling(self, part: str) -> Self:
        folder = None if self.checkpoint_folder is None else Path(self.checkpoint_folder) / part
        return clone(self).set_params(checkpoint_folder=folder)

    def _fine_tune(self, examples: Examples, unseen: Examples | None, listener: Listener) -> None:
        base, cutter = self.base_, cutter_of(self.base_)
        C, weight, bias = self._start_of_head(examples, unseen, listener)
        self.model_ = PooledClassifier(load_model(base), weight, bias, normalise=base.normalise)
        self.model_.set_dropout(self.dropout)
        pad_id = self.model_.pad_id
        rows = TokenisedRows.cut(cutter, examples.texts, examples.truth, pad_id)
        if self._soft is not None:
            rows = with_soft(rows, self._soft, objective=self.objective)
        away = None if unseen is None else TokenisedRows.cut(cutter, unseen.texts, unseen.truth, pad_id)
        parts = [rows] if away is None else [rows, away]
        targets = [part.truth.tobytes() for part in (examples, unseen) if part is not None]
        targets += [] if self._soft is None else [self._soft.tobytes()]
        rows, objective = self._learned(rows)
        tuned = fine_tune(
            self.model_,
            rows,
            objective=objective,
            settings=TuningSettings.of(self),
            unseen=away,
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
