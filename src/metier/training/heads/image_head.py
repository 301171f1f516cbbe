"""A linear head on the vector of an image, started from the linear solution on the frozen network."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from metier.bases.base import Base
from metier.bases.image_embedding import embed_images
from metier.bases.image_network import load_image_network
from metier.export.image_graph import ImageExportable, PixelsToLogits
from metier.image.picture import Picture, mean_of_each
from metier.progress import Listener
from metier.tasks.answers import Decodable
from metier.tasks.examples import Examples
from metier.training.heads.head import Ready, Task
from metier.training.heads.image_model import ImageModel
from metier.training.heads.pooled_head import LabelStart, Start
from metier.training.heads.ridge_probe import RidgeStart, Unit
from metier.training.image_cost import measure_image_training
from metier.training.image_rows import ImageRows
from metier.training.training_cost import Cost


@dataclass(frozen=True)
class ImageHead:
    """The vector of an image under a linear head.

    Parameters
    ----------
    kind : str
        Of the predictor.
    start : Start
    """

    kind: str
    start: Start | RidgeStart = field(default_factory=LabelStart)

    def reader(self, base: Base, settings: Any) -> Any:
        """Give how images are prepared."""
        return load_image_network(base).preparation

    def ready(self, reader: Any, base: Base, task: Task, settings: Any, listener: Listener) -> Ready:
        """Put the head on the network where the linear solution is, and say which images an epoch sees."""
        unit = self.start.unit(task.examples) if isinstance(self.start, RidgeStart) else None
        known, held = task.examples, task.validation
        if unit is not None:
            known = unit.standardised(known)
            held = None if held is None else unit.standardised(held)
        vectors = embed_images(base, known.items, listener=listener)
        judged = None if held is None else (held, embed_images(base, held.items, listener=listener))
        C, weight, bias = self.start.solve((known, vectors), judged, settings)
        model = ImageModel(load_image_network(base), weight, bias, unit=unit)
        model.set_dropout(settings.dropout)
        augmentation, facts = settings.augmentation(known)
        rows = replace(
            self.unlabelled(reader, known.items, model),
            truth=task.answer.training_targets(known) if known.soft is None else known.soft,
            augmentation=augmentation,
            views=min(settings.views, settings.epochs) if augmentation.changes else 1,
            random_state=settings.random_state,
        )
        held_rows = None
        if held is not None:
            held_rows = replace(
                self.unlabelled(reader, held.items, model), truth=task.answer.training_targets(held)
            )
        return Ready(model, rows, held_rows, _score(task.answer, held, unit), chosen={"C": C}, facts=facts)

    def unlabelled(self, reader: Any, items: Sequence[Picture], model: Any) -> ImageRows:
        """Give rows of images as they are."""
        return ImageRows(items, None, reader)

    def logits(self, model: ImageModel, reader: Any, items: Sequence[Picture]) -> np.ndarray:
        """Give logits, float64 of shape (n_items, n_logits)."""
        found = mean_of_each(items, lambda each: model.logits(ImageRows(each, None, reader)))
        return found if model.unit is None else model.unit.restored(found)

    def cost(
        self, reader: Any, base: Base, items: Sequence[Picture], targets: Any, settings: Any, *, n_batches: int
    ) -> Cost:
        """Time some batches of real images."""
        return measure_image_training(base, items, settings, n_batches=n_batches)

    def sample(self, reader: Any, items: Sequence[Picture]) -> Sequence[Picture]:
        """Give typical images, to see how large activations become."""
        return items

    def exported(self, model: ImageModel, reader: Any) -> ImageExportable:
        """Give network and head as one graph."""
        weight, bias = (part.detach().cpu().double().numpy() for part in (model.head.weight, model.head.bias))
        if model.unit is not None:
            weight, bias = weight * model.unit.scale, model.unit.restored(bias)
        return ImageExportable(PixelsToLogits(model.network, weight, bias))


def _score(answer: Decodable, held: Examples | None, unit: Unit | None) -> Any:
    def score(model: ImageModel, rows: Any) -> dict[str, float]:
        assert held is not None
        given = {} if unit is None else {"scale": unit.scale}
        return answer.score(model.logits(rows), held, **given)

    return score
