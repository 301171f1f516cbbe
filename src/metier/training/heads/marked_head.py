"""A head on the states at the marks of two entities, see `marked_classifier`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from metier.bases.base import Base
from metier.bases.huggingface_folder import load_model
from metier.bases.known_bases import load_tokenizer
from metier.features.entity_marking import MARKS, EntityMarker
from metier.progress import Listener
from metier.training.batching import TokenisedRows
from metier.training.encoder_settings import HeadSettings
from metier.training.heads.head import Exportable, Ready, Task
from metier.training.heads.marked_classifier import MarkedClassifier, with_marks
from metier.training.heads.token_model import TokensIn
from metier.training.objectives.composition import with_soft
from metier.training.training_cost import Cost, measure_tokens


@dataclass(frozen=True)
class MarkedHead:
    """Two layers on the states at either opening mark and the mean of all."""

    kind: str = "onnx_relation.v1"

    def reader(self, base: Base, settings: Any) -> EntityMarker:
        """Give what puts marks around entities."""
        return EntityMarker.adding_marks(load_tokenizer(base), prefix=base.prefix, max_length=base.max_length)

    def ready(
        self, reader: EntityMarker, base: Base, task: Task, settings: HeadSettings, listener: Listener
    ) -> Ready:
        """Mark the entities, and put a head on that starts at random."""
        torch.manual_seed(settings.random_state)
        model = MarkedClassifier(
            with_marks(load_model(base), reader.tokenizer),
            n_classes=task.answer.n_logits(task.examples),
            dropout=settings.dropout,
        )
        marked = [reader.mark(item) for item in task.examples.items]
        truth = task.answer.training_targets(task.examples)
        rows, held, held_rows = (
            TokenisedRows([one.ids for one in marked], truth, model.pad_id),
            task.validation,
            None,
        )
        soft = task.examples.soft
        if soft is not None:
            rows = with_soft(rows, soft, objective=settings.objective, learning=settings.learning)
        if held is not None:
            held_rows = self.unlabelled(reader, held.items, model)
            held_rows = replace(held_rows, truth=task.answer.training_targets(held))

        def score(trained: MarkedClassifier, cut: TokenisedRows) -> dict[str, float]:
            assert held is not None
            return task.answer.score(trained.logits(cut), held)

        facts = {"entities_apart": sum(one.is_split for one in marked)}
        return Ready(model, rows, held_rows, score, facts=facts)

    def unlabelled(self, reader: EntityMarker, items: Sequence[Any], model: Any) -> TokenisedRows:
        """Mark the entities of items."""
        return TokenisedRows([reader.mark(item).ids for item in items], None, model.pad_id)

    def logits(self, model: MarkedClassifier, reader: EntityMarker, items: Sequence[Any]) -> np.ndarray:
        """Give logits, float64 of shape (n_items, n_logits)."""
        return model.logits(self.unlabelled(reader, items, model))

    def cost(
        self,
        reader: EntityMarker,
        base: Base,
        items: Sequence[Any],
        targets: Any,
        settings: Any,
        *,
        n_batches: int,
    ) -> Cost:
        """Time the ids of some items; four of the base's own tokens stand in for the marks and cost the same."""
        size = reader.tokenizer.get_vocab_size() - len(MARKS)
        ids = [[token % size for token in reader.mark(item).ids] for item in items]
        return measure_tokens(base, ids, settings, n_batches=n_batches)

    def sample(self, reader: EntityMarker, items: Sequence[Any]) -> list[Sequence[int]]:
        """Give the ids of each item."""
        return [reader.mark(item).ids for item in items]

    def exported(self, model: MarkedClassifier, reader: EntityMarker) -> Exportable:
        """Give the whole as the graph: the head's layers are in it."""
        return Exportable(TokensIn(model), tokenizer=reader.tokenizer)
