"""The base reads both texts of a pair at once, and a linear head judges what it read."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from metier.bases.embedding import embed_ids
from metier.bases.known_bases import cutter_of, load_model
from metier.evaluation.calibration import fit_temperature
from metier.evaluation.softmax import softmax
from metier.export.graph_export import Exported, export_graph, keep_report, pooled, sample_of, typical_rows
from metier.export.precision_choice import EquivalenceCheck
from metier.progress import Listener, ignore
from metier.tasks.answers.label import LabelDecoder
from metier.tasks.estimators import PairClassifier
from metier.tasks.method_contract import Capabilities, CostRank
from metier.tasks.pairs import PairExamples, as_pairs, check_pairs
from metier.text.language import detect_language
from metier.training.batching import TokenisedRows
from metier.training.encoder_settings import check_settings, resolve_base_of
from metier.training.fine_tuned import FineTuned, label_split
from metier.training.fine_tuning import TuningSettings, checkpoints_of, fine_tune
from metier.training.heads.linear_probe import Probe, fit_probe
from metier.training.heads.pooled_classifier import PooledClassifier
from metier.training.inherited_settings import with_settings_of
from metier.training.label_score import score_labels
from metier.training.objectives import objective_of
from metier.training.training_cost import Cost, measure_training
from metier.transformer.frozen.pair_vectors import distinct_texts


@with_settings_of(FineTuned)
class CrossEncoder(PairClassifier, FineTuned):
    """A pretrained encoder fine-tuned on both texts of a pair at once, mean-pooled, with a linear head.

    Every word of the one text is read beside every word of the other [1]_, which two separate vectors cannot do.
    It has to run once for every pair, so in a search it is the second step, on the best that `BiEncoder` or BM25
    found; see `fusion.retrieve_rerank`. It needs some thousand pairs: the base never saw two texts at once, while
    `FrozenPair` builds on what it was trained for.

    The head starts from the solution on the frozen encoder, as that of `Encoder` does.

    Parameters
    ----------
    label_smoothing : float, default=0.0
        Share of the target that is spread over all labels.
    objective : str, default="cross_entropy"
        What is minimised: a loss of the labels (`cross_entropy`, `focal:2`) and what is put on it, joined by `+`:
        `r_drop:0.5`, `fgm:1`, `pgd:1:3`, `supcon:0.3`, `mixup:0.4`, `simcse:0.1`, `ewc:1`;
        see `training.objectives.composition`.
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
        How training went.

    References
    ----------
    .. [1] Nogueira and Cho, "Passage re-ranking with BERT", 2019, arXiv:1901.04085.
    """

    name = "cross_encoder.v1"
    capabilities: ClassVar[Capabilities] = Capabilities(
        cost=CostRank.FINE_TUNED,
        needs_base=True,
        takes_adaptation=True,
        takes_objective=True,
        trains_together=True,
    )
    learned = (*FineTuned.learned, "classes_", "model_", "temperature_")

    def __init__(
        self,
        *,
        label_smoothing: float = 0.0,
        objective: str = "cross_entropy",
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
        return self._fit(examples, unseen, listener)

    def _probabilities(self, items: Sequence[Any]) -> np.ndarray:
        # Of a pair past the encoder's limit the logits of its windows are averaged.
        return softmax(cutter_of(self.base_).average(self._logits, items) / self.temperature_)

    def export(self, folder: Path) -> None:
        """Leave the files that `predictors.onnx.onnx_pair_encoder` answers from, and a Hugging Face folder."""
        check_is_fitted(self)
        head, unseen = self.model_.head, self._unseen
        exported = Exported(
            "onnx_pair_encoder.v1",
            self.name,
            self.base_,
            pooled(self.model_.encoder, self.base_),
            LabelDecoder(tuple(map(str, self.classes_)), self.temperature_),
            head={"weight": head.weight.detach().numpy(), "bias": head.bias.detach().numpy()},
        )
        check = None if unseen is None else EquivalenceCheck.of_labels(unseen.pairs, unseen.truth)
        sample = sample_of(self.base_, self._sample)
        report = export_graph(exported, folder, check=check, sample=sample, precision=self.precision)
        keep_report(self, report)

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

    def _fit(self, examples: PairExamples, unseen: PairExamples | None, listener: Listener) -> Self:
        if unseen is None and (self.stop_epoch is None or self.temperature is None):
            split = label_split(examples, random_state=self.random_state)
            # Where nothing can be chosen, the logits are left alone.
            unsettled = {"temperature": self.temperature or 1.0}
            return self._choose_then_fit(examples, split, unsettled, listener)
        texts = distinct_texts(examples.pairs)
        self.base_ = resolve_base_of(self, language=detect_language(texts).main_language)
        self.classes_, self._unseen = examples.classes, unseen
        self._sample = typical_rows(examples.pairs)
        self._tune(examples, unseen, listener)
        return self

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
            validation=away,
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
