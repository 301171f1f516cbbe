"""The base reads both texts of a pair at once, and a linear head judges what it read."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted

from metier.evaluation.calibration import fit_temperature
from metier.progress import Listener, ignore
from metier.tasks.folds import held_out
from metier.tasks.pairs import PairExamples, as_pairs, check_pairs
from metier.tasks.softmax import softmax
from metier.text.language import detect_language
from metier.transformer.bases import cutter_of, load_model
from metier.transformer.batching import TokenisedRows
from metier.transformer.embedding import embed_ids
from metier.transformer.encoder_settings import check_settings, resolve_base_of
from metier.transformer.export import SAMPLED_ROWS
from metier.transformer.fine_tuning import TuningSettings, checkpoints_of, fine_tune
from metier.transformer.label_score import score_labels
from metier.transformer.linear_probe import Probe, fit_probe
from metier.transformer.objectives import objective_of
from metier.transformer.pair_export import PairHead, export_cross_encoder
from metier.transformer.pair_vectors import distinct_texts
from metier.transformer.pooled_classifier import PooledClassifier
from metier.transformer.preflight import Cost, measure_training

LEARNED = ("classes_", "base_", "model_", "temperature_", "chosen_params_", "facts_", "_unseen", "_sample")


class CrossEncoder(ClassifierMixin, BaseEstimator):
    """A pretrained encoder fine-tuned on both texts of a pair at once, mean-pooled, with a linear head.

    Every word of the one text is read beside every word of the other [1]_, which two separate vectors cannot do.
    It has to run once for every pair, so in a search it is the second step, on the best that `BiEncoder` or BM25
    found; see `fusion.retrieve_rerank`. It needs some thousand pairs: the base never saw two texts at once, while
    `FrozenPair` builds on what it was trained for.

    The head starts from the solution on the frozen encoder, as that of `Encoder` does.

    Parameters
    ----------
    base : str, default="auto"
        A folder, a known short name, a hub name; `auto` picks by the language of the texts.
    adaptation, epochs, stop_epoch, learning_rate, layer_decay, warmup_fraction, weight_decay, token_budget, dropout, \
accumulate, clip, patience, time_limit_minutes, checkpoint_folder, C, temperature, precision
        As of `Encoder`.
    label_smoothing : float, default=0.0
        Share of the target that is spread over all labels.
    objective : str, default="cross_entropy"
        What is minimised: a loss of the labels (`cross_entropy`, `focal:2`) and what is put on it, joined by `+`:
        `r_drop:0.5`, `fgm:1`, `pgd:1:3`, `supcon:0.3`, `mixup:0.4`, `simcse:0.1`, `ewc:1`; see `objectives.composition`.
    class_weights : {"balanced"}, default=None
        `balanced`: every label counts alike, however rare.
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
        How training went.

    References
    ----------
    .. [1] Nogueira and Cho, "Passage re-ranking with BERT", 2019, arXiv:1901.04085.
    """

    name = "cross_encoder.v1"

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
        label_smoothing: float = 0.0,
        objective: str = "cross_entropy",
        class_weights: str | None = None,
        dropout: float = 0.0,
        accumulate: int = 1,
        clip: float = 1.0,
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
        self.patience = patience
        self.time_limit_minutes = time_limit_minutes
        self.checkpoint_folder = checkpoint_folder
        self.C = C
        self.temperature = temperature
        self.precision = precision
        self.random_state = random_state

    def __sklearn_tags__(self) -> Tags:
        """Tell scikit-learn that `X` is a list of pairs."""
        tags = super().__sklearn_tags__()
        tags.input_tags.dict = True
        tags.input_tags.two_d_array = False
        return tags

    def fit(
        self, X: Any, y: Any, *, validation: tuple[Any, Any] | None = None, listener: Listener = ignore
    ) -> Self:
        """Fine-tune the base on pairs of texts and their labels, one label a pair.

        Of a pair past the encoder's limit every epoch learns one window; see `window_shares`. Without `validation`,
        and unless `stop_epoch` and `temperature` are set, a first training on some of the pairs makes the choices on
        the others, and a second one trains on all pairs with them.
        """
        check_settings(self)
        examples = check_pairs(X, y)
        unseen = None if validation is None else check_pairs(*validation, classes=examples.classes)
        if unseen is None and (self.stop_epoch is None or self.temperature is None):
            return self._choose_then_fit(examples, listener)
        texts = distinct_texts(examples.pairs)
        self.base_ = resolve_base_of(self, language=detect_language(texts).main_language)
        self.classes_, self._unseen = examples.classes, unseen
        # Evenly: files are often sorted by label.
        self._sample = examples.pairs[:: max(1, len(examples) // SAMPLED_ROWS)]
        self._tune(examples, unseen, listener)
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Give the calibrated probability of each label for each pair.

        Of a pair past the encoder's limit the logits of its windows are averaged.

        Returns
        -------
        ndarray of float64 of shape (n_pairs, n_classes)
            Each row sums to 1.

        Raises
        ------
        NotFittedError
            If called before `fit`.
        """
        check_is_fitted(self)
        logits = cutter_of(self.base_).average(self._logits, as_pairs(X))
        return softmax(logits / self.temperature_)

    def predict(self, X: Any) -> np.ndarray:
        """Give the most probable label for each pair."""
        probabilities = self.predict_proba(X)  # First: it says when nothing was fitted.
        return self.classes_[probabilities.argmax(axis=1)]

    def export(self, folder: Path) -> None:
        """Leave the files that `predictors.onnx_pair_encoder` answers from, and a Hugging Face folder."""
        check_is_fitted(self)
        head = self.model_.head
        probe = Probe(head.weight.detach().numpy(), head.bias.detach().numpy(), 1.0, self.temperature_)
        report = export_cross_encoder(
            self.model_.encoder,
            self.base_,
            folder,
            PairHead(self.name, [str(label) for label in self.classes_], probe),
            unseen=self._unseen,
            sample=self._sample,
            precision=self.precision,
        )
        # What validation decided holds for a refit on all rows too, which has no rows left to decide on.
        self.chosen_params_["precision"] = report.chosen
        self.facts_["export"] = asdict(report)

    def measure(self, X: Any, y: Any = None, *, n_batches: int = 3) -> Cost:
        """Time a few real batches of these pairs and say what an epoch costs here; nothing is learned."""
        check_settings(self)
        pairs = as_pairs(X)
        base = resolve_base_of(self, language=detect_language(distinct_texts(pairs)).main_language)
        return measure_training(
            base,
            cutter_of(base).first(pairs),
            n_classes=2 if y is None else len(set(y)),
            token_budget=self.token_budget,
            dropout=self.dropout,
            adaptation=self.adaptation,
            n_batches=n_batches,
        )

    def _choose_then_fit(self, examples: PairExamples, listener: Listener) -> Self:
        # One pair a label: nothing can be chosen, so train to the end and leave the logits alone.
        chosen: dict[str, Any] = {"stop_epoch": self.epochs, "temperature": self.temperature or 1.0}
        split = next(held_out(examples.truth, random=check_random_state(self.random_state)), None)
        if split is not None:
            kept, held = (examples.take(positions) for positions in split)
            trial = self._sibling("choice")
            trial.fit(kept.pairs, kept.labels, validation=(held.pairs, held.labels), listener=listener)
            chosen = trial.chosen_params_
        final = self._sibling("all").set_params(**chosen)
        final.fit(examples.pairs, examples.labels, listener=listener)
        for name in LEARNED:
            setattr(self, name, getattr(final, name))
        return self

    def _sibling(self, part: str) -> Self:
        folder = None if self.checkpoint_folder is None else Path(self.checkpoint_folder) / part
        return clone(self).set_params(checkpoint_folder=folder)

    def _tune(self, examples: PairExamples, unseen: PairExamples | None, listener: Listener) -> None:
        base, cutter = self.base_, cutter_of(self.base_)
        encoder = load_model(base)
        pad_id = int(encoder.config.pad_token_id or 0)
        rows = TokenisedRows.cut(cutter, examples.pairs, examples.truth, pad_id)
        away = None if unseen is None else TokenisedRows.cut(cutter, unseen.pairs, unseen.truth, pad_id)
        probe = self._start_of_head(encoder, rows, away)
        self.model_ = PooledClassifier(encoder, probe.weight, probe.bias, normalise=base.normalise)
        self.model_.set_dropout(self.dropout)
        parts = [rows] if away is None else [rows, away]
        targets = [part.truth.tobytes() for part in (examples, unseen) if part is not None]
        tuned = fine_tune(
            self.model_,
            rows,
            objective=objective_of(self, self.model_, rows),
            settings=TuningSettings.of(self),
            unseen=away,
            score=score_labels,
            checkpoints=checkpoints_of(self, base, [own for part in parts for own in part.ids], targets),
            what=f"{self.name}: fine-tuning {base.name}",
            listener=listener,
        )
        if away is not None and unseen is not None and self.temperature is None:
            self.temperature_ = fit_temperature(cutter.average(self._logits, unseen.pairs), unseen.truth)
        else:
            self.temperature_ = float(self.temperature or 1.0)
        self.facts_: dict[str, Any] = {"base": base.name, **tuned.facts}
        self.chosen_params_ = {
            "base": base.name,
            "C": probe.C,
            **tuned.chosen,
            "temperature": self.temperature_,
        }

    def _start_of_head(self, encoder: Any, seen: TokenisedRows, unseen: TokenisedRows | None) -> Probe:
        def vectors(rows: TokenisedRows) -> np.ndarray:
            return rows.mean(embed_ids(encoder, rows.ids, normalise=self.base_.normalise))

        assert seen.truth is not None
        return fit_probe(
            vectors(seen),
            seen.truth,
            C=self.C,
            temperature=1.0 if self.C else None,
            validation=None if unseen is None or unseen.truth is None else (vectors(unseen), unseen.truth),
            random_state=self.random_state,
        )

    def _logits(self, ids: Sequence[Sequence[int]]) -> np.ndarray:
        return self.model_.logits(TokenisedRows(ids, None, self.model_.pad_id))
