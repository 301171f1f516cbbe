"""A fusion on two towers that train, started from the solution on the frozen ones."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from metier.bases.base import Base
from metier.bases.huggingface_folder import load_model
from metier.bases.image_base import image_base
from metier.bases.image_network import load_image_network
from metier.bases.known_bases import cutter_of
from metier.export.graph_export import pooled
from metier.features.averaged_windows import Cutter
from metier.image.preparation import Preparation
from metier.multimodal.case_calibration import UNFITTED, fit_scales
from metier.multimodal.fusions.bilinear import BILINEAR
from metier.multimodal.fusions.concat import Concatenation
from metier.multimodal.fusions.fusion import Learner, Scaled
from metier.multimodal.fusions.gated import GATED
from metier.multimodal.joint_export import ExportedTowers, token_sample
from metier.multimodal.joint_head import SCALES
from metier.multimodal.joint_rows import JointRows
from metier.multimodal.tower_outputs import IMAGE, TEXT
from metier.multimodal.towers import Towers, reading_cost
from metier.multimodal.two_towers import TwoTowerModel, TwoTowers
from metier.progress import Listener
from metier.tasks.answers import Decodable, Decoder
from metier.tasks.examples import Examples
from metier.tasks.inputs.text_image import TextImage
from metier.tasks.method_contract import TRAINING_OVER_FORWARD
from metier.training.heads.frozen_heads import LABEL_HEAD, Rows
from metier.training.heads.head import Ready, Task
from metier.training.training_cost import BYTES_OF_FLOAT32, COPIES_OF_A_WEIGHT, Cost

ROW_BYTES = 60_000_000  # Activations of one image and its text that wait for the backward pass.
# How each fusion begins, by the setting's name.
FUSIONS: Mapping[str, Learner] = {
    "concat": Concatenation(LABEL_HEAD, ("C", "image_weight")),
    "gated": GATED,
    "bilinear": BILINEAR,
}
START_OF = {"epochs": "start_epochs"}  # The method's settings of what a start chooses.


@dataclass(frozen=True)
class Reader:
    """What turns texts with images into token ids and pixels.

    Parameters
    ----------
    base, image : Base
    cutter : Cutter
    preparation : Preparation
    """

    base: Base
    image: Base
    cutter: Cutter
    preparation: Preparation

    def rows(self, items: Sequence[TextImage], pad_id: int, truth: np.ndarray | None = None) -> JointRows:
        """Give rows: of a text its first window, of several images the first."""
        has_text = np.array([bool(item.text.strip()) for item in items])
        ids = self.cutter.first([item.text for item in items])
        return JointRows(ids, [item.picture for item in items], has_text, truth, pad_id, self.preparation)


@dataclass(frozen=True)
class TwoTowerExportable:
    """Trained towers and their fusion, which become a predictor."""

    model: TwoTowerModel

    def named(self, kind: str, name: str, base: Base, decoder: Decoder) -> ExportedTowers:
        """Give what is written, of the method and the base that it is of."""
        towers, fusion = self.model.encoder, Scaled(self.model.head, self.model.scales)
        return ExportedTowers(kind, name, base, pooled(towers.text, base), towers.image, fusion.cpu(), decoder)


@dataclass(frozen=True)
class TwoTowerHead:
    """Vectors of two towers under a fusion; a `training.heads.head.Head`, which calibrates what lacks a modality.

    Parameters
    ----------
    kind : str
        Of the predictor.
    """

    kind: str
    calibrates: tuple[str, ...] = (SCALES,)

    def reader(self, base: Base, settings: Any) -> Reader:
        """Give what turns items into token ids and pixels."""
        image = image_base(settings.image_base)
        return Reader(base, image, cutter_of(base), load_image_network(image).preparation)

    def ready(self, reader: Reader, base: Base, task: Task, settings: Any, listener: Listener) -> Ready:
        """Put the fusion on both towers where the solution on the frozen ones is."""
        known, held, towers = task.examples, task.validation, Towers(base, reader.image)
        start = [
            None if part is None else Rows(towers.read(part.items, listener=listener), part)  # type: ignore[arg-type]
            for part in (known, held)
        ]
        assert start[0] is not None
        learner = FUSIONS[settings.fusion]
        given = {**dict(settings), "temperature": 1.0 if settings.C else None, "epochs": settings.start_epochs}
        learned = learner.learn(start[0], start[1], task.answer, given)
        named = {"image_base": reader.image.name}
        begun = named | {START_OF.get(name, name): value for name, value in learned.chosen.items()}
        encoder = TwoTowers(load_model(base), load_image_network(reader.image))
        model = TwoTowerModel(encoder, learned.module, normalise=base.normalise)
        model.set_dropout(settings.dropout)
        targets = task.answer.training_targets
        augmentation, facts = settings.augmentation(known)
        rows = replace(
            reader.rows(known.items, model.pad_id, targets(known)),
            views=settings.epochs,
            dropped=settings.modality_dropout,
            random_state=settings.random_state,
            augmentation=augmentation,
            image_views=min(settings.views, settings.epochs),
        )
        held_rows = None if held is None else reader.rows(held.items, model.pad_id, targets(held))
        return Ready(model, rows, held_rows, _score(task.answer, held), chosen=begun, facts={**facts, **named})

    def calibrate(
        self, model: TwoTowerModel, reader: Reader, decoder: Any, task: Task, settings: Any
    ) -> dict[str, Any]:
        """Fit what logits are multiplied by where a row has its text or its image alone, unless it is set."""
        held = task.validation
        scales = settings.missing_scales
        if scales is None:
            scales = UNFITTED if held is None else fit_scales(_alone(model, reader, held), task.answer, decoder)
        model.scales = (1.0, float(scales[TEXT]), float(scales[IMAGE]))
        return {SCALES: dict(scales)}

    def unlabelled(self, reader: Reader, items: Sequence[TextImage], model: Any) -> JointRows:
        """Give rows without targets."""
        return reader.rows(items, model.pad_id)

    def logits(self, model: TwoTowerModel, reader: Reader, items: Sequence[TextImage]) -> np.ndarray:
        """Give logits, float64 of shape (n_items, n_logits)."""
        return model.logits(reader.rows(items, model.pad_id))

    def cost(
        self,
        reader: Reader,
        base: Base,
        items: Sequence[TextImage],
        targets: Any,
        settings: Any,
        *,
        n_batches: int,
    ) -> Cost:
        """Time some texts and images forward, and say what an epoch costs."""
        forward = reading_cost(Towers(base, reader.image), items)
        weights = sum(
            weight.numel()
            for tower in (load_model(base), load_image_network(reader.image))
            for weight in tower.parameters()
        )
        held = settings.batch_size * ROW_BYTES + weights * COPIES_OF_A_WEIGHT * BYTES_OF_FLOAT32
        return replace(
            forward,
            seconds_per_row=forward.seconds_per_row * TRAINING_OVER_FORWARD,
            seconds_per_epoch=forward.seconds_before * TRAINING_OVER_FORWARD,
            memory_bytes=forward.memory_bytes + held,
        )

    def sample(self, reader: Reader, items: Sequence[TextImage]) -> list[list[int]]:
        """Give the token ids of typical texts."""
        return token_sample(reader.base, items)

    def exported(self, model: TwoTowerModel, reader: Reader) -> TwoTowerExportable:
        """Give what becomes a predictor."""
        return TwoTowerExportable(model)


def _alone(
    model: TwoTowerModel, reader: Reader, held: Examples
) -> Callable[[str], tuple[np.ndarray, np.ndarray]]:
    """Give how a model answers held-out rows without one modality; see `fit_scales`."""
    items: Any = held.items

    def answered(case: str) -> tuple[np.ndarray, np.ndarray]:
        there = [bool(item.text.strip()) if case == TEXT else item.picture is not None for item in items]
        picked = np.flatnonzero(there)
        rows = reader.rows([items[row] for row in picked], model.pad_id) if len(picked) else None
        logits = np.zeros((0, 1)) if rows is None else model.logits(replace(rows, shown=case))
        return logits, held.truth[picked]

    return answered


def _score(answer: Decodable, held: Examples | None) -> Any:
    def score(model: TwoTowerModel, rows: Any) -> dict[str, float]:
        assert held is not None
        return answer.score(model.logits(rows), held)

    return score
