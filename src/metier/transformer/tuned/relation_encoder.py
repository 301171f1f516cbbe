"""The base fine-tuned whole on texts with two entities marked."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted

from metier.bases.base import Base
from metier.bases.known_bases import load_model, load_tokenizer
from metier.evaluation.calibration import fit_temperature
from metier.evaluation.softmax import softmax
from metier.export.graph_export import Exported, export_graph, keep_report, typical_rows
from metier.export.precision_choice import EquivalenceCheck
from metier.features.entity_marking import MARKS, EntityMarker
from metier.progress import Listener, ignore
from metier.tasks.answers.label import LabelDecoder
from metier.tasks.entity_pairs import as_entity_pairs
from metier.tasks.estimators import Classifier
from metier.tasks.examples import Examples
from metier.tasks.method_contract import Capabilities, CostRank
from metier.tasks.relation import check_entity_pairs
from metier.text.language import detect_language
from metier.training.batching import TokenisedRows
from metier.training.encoder_settings import check_settings, resolve_base_of
from metier.training.fine_tuned import FineTuned, label_split
from metier.training.fine_tuning import TuningSettings, checkpoints_of, fine_tune
from metier.training.heads.marked_classifier import MarkedClassifier, with_marks
from metier.training.heads.token_model import TokensIn
from metier.training.inherited_settings import with_settings_of
from metier.training.label_score import score_labels
from metier.training.objectives import objective_of
from metier.training.training_cost import Cost, measure_training


@with_settings_of(FineTuned)
class RelationEncoder(Classifier, FineTuned):
    """A pretrained encoder fine-tuned whole, the two entities marked by tokens of their own, as in R-BERT [1]_.

    Some points above `RelationLinear` from a thousand rows on, for minutes of training. Every epoch is scored on
    validation by log-loss; the weights of the last one that is not shown to be worse than the best are kept. A text
    past the base's limit keeps what lies around its entities; where they lie further apart than that, the
    surroundings of both, and `facts_["entities_apart"]` says in how many rows.

    Parameters
    ----------
    epochs : int, default=5
        Length of the learning-rate schedule.
    learning_rate : float, default=2e-4
        Of the head and the uppermost layer, at its peak; more than in `Encoder`, since marks and head start new. None:
        by the number of steps.
    dropout : float, default=0.1
        Of the head while it trains.
    label_smoothing : float, default=0.1
        Share of the target that is spread over all labels.
    objective : str, default="cross_entropy"
        What is minimised: a loss of the labels (`cross_entropy`, `focal:2`) and what is put on it, joined by `+`:
        `r_drop:0.5`, `fgm:1`, `pgd:1:3`, `supcon:0.3`, `mixup:0.4`, `simcse:0.1`, `ewc:1`;
        see `training.objectives.composition`.
    class_weights : {"balanced"}, default=None
        `balanced`: every label counts alike, however rare.
    temperature : float, default=None
        Of the final softmax; None: chosen on validation.
    settings : see `FineTuned`

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, in the order of the columns of `predict_proba`.
    base_ : Base
    chosen_params_ : dict
        What to set so that another fit needs no validation.
    facts_ : dict
        How training went.

    References
    ----------
    .. [1] Wu and He, "Enriching pre-trained language model with entity information for relation classification",
       2019, arXiv:1905.08284.
    """

    name = "relation_encoder.v1"
    capabilities: ClassVar[Capabilities] = Capabilities(
        cost=CostRank.FINE_TUNED,
        needs_base=True,
        takes_adaptation=True,
        takes_objective=True,
        trains_together=True,
    )
    learned = (*FineTuned.learned, "classes_", "model_", "marker_", "temperature_")

    def __init__(
        self,
        *,
        epochs: int = 5,
        learning_rate: float | None = 2e-4,
        dropout: float = 0.1,
        label_smoothing: float = 0.1,
        objective: str = "cross_entropy",
        class_weights: str | None = None,
        temperature: float | None = None,
        **settings: Any,
    ):
        super().__init__(epochs=epochs, learning_rate=learning_rate, dropout=dropout, **settings)
        self.label_smoothing = label_smoothing
        self.objective = objective
        self.class_weights = class_weights
        self.temperature = temperature

    def fit(
        self, X: Any, y: Any, *, validation: tuple[Any, Any] | None = None, listener: Listener = ignore
    ) -> Self:
        """Fine-tune the base on texts with two entities, and the label of each.

        Without `validation`, and unless `stop_epoch` and `temperature` are set, a first training on nine tenths
        of the rows makes the choices on the last tenth, and a second one trains on all rows with them.

        Raises
        ------
        EntityError
            If entities are not where their offsets say.
        """
        check_settings(self)
        examples = check_entity_pairs(X, y)
        unseen = None if validation is None else check_entity_pairs(*validation, classes=examples.classes)
        return self._fit(examples, unseen, listener)

    def _read(self, X: Any) -> Sequence[Any]:
        return as_entity_pairs(X)

    def _probabilities(self, items: Sequence[Any]) -> np.ndarray:
        ids = [self.marker_.mark(item).ids for item in items]
        return softmax(self.model_.logits(TokenisedRows(ids, None, self.model_.pad_id)) / self.temperature_)

    def export(self, folder: Path) -> None:
        """Leave the files that `predictors.onnx.onnx_relation` answers from, and a Hugging Face folder."""
        check_is_fitted(self)
        exported = Exported(
            "onnx_relation.v1",
            self.name,
            self.base_,
            TokensIn(self.model_),
            LabelDecoder(tuple(map(str, self.classes_)), self.temperature_),
            tokenizer=self.marker_.tokenizer,
        )
        unseen = self._unseen
        check = None if unseen is None else EquivalenceCheck.of_labels(unseen.texts, unseen.truth)
        report = export_graph(exported, folder, check=check, sample=self._sample, precision=self.precision)
        keep_report(self, report)

    def measure(self, X: Any, y: Any = None, *, n_batches: int = 3) -> Cost:
        """Time a few real batches of these texts and say what an epoch costs here; nothing is learned."""
        check_settings(self)
        items = as_entity_pairs(X)
        base = _resolve(self, items)
        marker = _marker(base)
        # Four of the base's own tokens stand in for the marks: a vector more or less costs the same.
        size = marker.tokenizer.get_vocab_size() - len(MARKS)
        return measure_training(
            base,
            [[token % size for token in marker.mark(item).ids] for item in items],
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
        self.classes_, self._unseen = examples.classes, unseen
        self._fine_tune(examples, unseen, listener)
        return self

    def _fine_tune(self, examples: Examples, unseen: Examples | None, listener: Listener) -> None:
        items: Any = examples.texts
        self.base_ = base = _resolve(self, items)
        self.marker_ = _marker(base)
        marked = [self.marker_.mark(item) for item in items]
        ids = [each.ids for each in marked]
        self._sample = typical_rows(ids)
        away_items: Any = [] if unseen is None else unseen.texts
        away_ids = [self.marker_.mark(item).ids for item in away_items]
        torch.manual_seed(self.random_state)  # The head starts at random.
        self.model_ = MarkedClassifier(
            with_marks(load_model(base), self.marker_.tokenizer),
            n_classes=len(examples.classes),
            dropout=self.dropout,
        )
        pad_id = self.model_.pad_id
        rows = TokenisedRows(ids, examples.truth, pad_id)
        away = None if unseen is None else TokenisedRows(away_ids, unseen.truth, pad_id)
        targets = [part.truth.tobytes() for part in (examples, unseen) if part is not None]
        tuned = fine_tune(
            self.model_,
            rows,
            objective=objective_of(self, self.model_, rows),
            settings=TuningSettings.of(self),
            validation=away,
            score=score_labels,
            checkpoints=checkpoints_of(self, base, [*ids, *away_ids], targets),
            what=f"{self.name}: fine-tuning {base.name}",
            listener=listener,
        )
        if away is not None and unseen is not None and self.temperature is None:
            self.temperature_ = fit_temperature(self.model_.logits(away), unseen.truth)
        else:
            self.temperature_ = float(self.temperature or 1.0)
        apart = sum(each.is_split for each in marked)
        self.facts_: dict[str, Any] = {"base": base.name, "entities_apart": apart, **tuned.facts}
        self.chosen_params_ = {"base": base.name, **tuned.chosen, "temperature": self.temperature_}


def _resolve(method: RelationEncoder, items: Sequence[Any]) -> Base:
    return resolve_base_of(method, language=detect_language([item["text"] for item in items]).main_language)


def _marker(base: Base) -> EntityMarker:
    return EntityMarker.adding_marks(load_tokenizer(base), prefix=base.prefix, max_length=base.max_length)
