"""Layers dropped from an encoder, and a shallower student of it."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from metier.bases.adaptation.layer_discovery import blocks_of
from metier.bases.huggingface_folder import load_model, save_encoder
from metier.bases.known_bases import load_tokenizer
from metier.bases.structural_pruning import check_prunable, keep_layers
from metier.compression.materials import Materials
from metier.compression.part_files import base_of
from metier.compression.recovery import can_recover, recover
from metier.compression.technique import is_encoder
from metier.errors import CompressionError
from metier.tasks.answer_batches import Answers

# Half the labels, half the teacher, softened twofold: what Hinton et al. start from.
TEACHING = "cross_entropy+distillation:0.5:2"
TAUGHT_KIND = "onnx_encoder.v1"  # Whose method learns from a teacher's probabilities.


def write_edited(part: Path, folder: Path, edit: Callable[[Any], Any]) -> None:
    """Write the encoder of a predictor as a base, changed in place by `edit`."""
    base = base_of(part)
    encoder = load_model(base)
    check_prunable(encoder)
    edit(encoder)
    save_encoder(encoder, base, folder, tokenizer=load_tokenizer(base), head={}, labels=[], temperature=1.0)


@dataclass(frozen=True)
class DroppedLayers:
    """The lowest layers alone, trained again [1]_: the upper ones change least of what a short text means.

    References
    ----------
    .. [1] Sajjad, Dalvi, Durrani and Nakov, "On the effect of dropping layers of pre-trained transformer models", 2023.
    """

    n_layers: int

    @property
    def name(self) -> str:
        """`layers:4`."""
        return f"layers:{self.n_layers}"

    def fits(self, settings: Mapping[str, Any]) -> bool:
        """Whether it is an encoder that can be trained again."""
        return is_encoder(settings) and can_recover(settings)

    def apply(self, part: Path, folder: Path, materials: Materials) -> dict[str, Any]:
        """Write the files of the shallower encoder, in fp32."""
        with tempfile.TemporaryDirectory(dir=materials.scratch) as scratch:
            base = Path(scratch, "base")
            write_edited(part, base, lambda encoder: keep_layers(encoder, _lowest(encoder, self.n_layers)))
            return recover(part, base, folder, materials)


def _lowest(encoder: Any, n_layers: int) -> range:
    _check_fewer(encoder, n_layers)
    return range(n_layers)


def _check_fewer(encoder: Any, n_layers: int) -> None:
    whole = len(blocks_of(encoder))
    if not 0 < n_layers < whole:
        raise CompressionError(
            f"The encoder has {whole} layers, and {n_layers} were asked for. Give a number from 1 to {whole - 1}."
        )


def spread_layers(whole: int, n_layers: int) -> list[int]:
    """Give the places of layers spread evenly from the lowest to the highest."""
    return np.linspace(0, whole - 1, n_layers).round().astype(int).tolist() if n_layers > 1 else [0]


@dataclass(frozen=True)
class ShallowStudent:
    """A student of fewer layers, every second or third of the teacher's, that learns the teacher's answers [1]_.

    Texts without labels can be learned from as well: the teacher answers them.

    References
    ----------
    .. [1] Hinton, Vinyals and Dean, "Distilling the knowledge in a neural network", 2015, arXiv:1503.02531.
    """

    n_layers: int

    @property
    def name(self) -> str:
        """`distil:3`."""
        return f"distil:{self.n_layers}"

    def fits(self, settings: Mapping[str, Any]) -> bool:
        """Whether it is an encoder that can be trained again."""
        return is_encoder(settings) and can_recover(settings)

    def apply(self, part: Path, folder: Path, materials: Materials) -> dict[str, Any]:
        """Write the files of the student, in fp32."""
        with tempfile.TemporaryDirectory(dir=materials.scratch) as scratch:
            base = Path(scratch, "base")
            write_edited(part, base, lambda encoder: keep_layers(encoder, _spread(encoder, self.n_layers)))
            more = _answered(materials)
            soft = self._soft(materials, more[0] if more else ())
            options = {} if soft is None else {"soft": soft, "objective": TEACHING}
            facts = recover(part, base, folder, materials, more=more, **options)
        return {**facts, "follows_probabilities": soft is not None, "unlabelled": len(materials.unlabelled)}

    def _soft(self, materials: Materials, further: Sequence[Any]) -> Any:
        """Give the teacher's probabilities where the student's method can follow them: columns of sorted labels."""
        if (
            not materials.answer.is_one_label
            or materials.answer.name != "label"
            or materials.input.keys != ("text",)
        ):
            return None
        answers = materials.taught([*materials.known[0], *further])
        if not isinstance(answers, Answers):
            return None
        return answers.probabilities[:, np.argsort(np.array(answers.labels))].tolist()


def _spread(encoder: Any, n_layers: int) -> list[int]:
    _check_fewer(encoder, n_layers)
    return spread_layers(len(blocks_of(encoder)), n_layers)


def _answered(materials: Materials) -> tuple[list[Any], list[Any]] | tuple[()]:
    """Give the texts without labels with what the teacher answers them."""
    if not materials.unlabelled:
        return ()
    items = list(materials.unlabelled)
    return items, list(materials.taught(items).predicted)
