"""A generative base made ready to train: which of its layers learn, and whether its rows can stand behind one another."""

from dataclasses import dataclass
from typing import Any

import torch

from metier.bases.adaptation import AdaptationName
from metier.bases.adaptation.adaptation import Adapted, load_adaptation
from metier.bases.adaptation.layer_discovery import blocks_of
from metier.bases.base import GenerativeBase
from metier.bases.generative_bases import load_language_model, working_dtype
from metier.errors import SettingsError
from metier.transformer.generation.generation_rows import GenerationRows, Writer
from metier.transformer.generation.packed_rows import PackedRows, can_pack

UPPER_SHARE_OF = 5  # One in so many layers trains.
STATES = ("prefix", "prompt")  # What they learn stands before every text.
IN_PLACE = ("full", "top", "bitfit")  # The base's own weights train, in float32.


def n_places(name: AdaptationName) -> int:
    """Give how many places stand before every text."""
    return (name.size or 0) if name.kind in STATES else 0


@dataclass(frozen=True)
class PreparedWriter:
    """What the loop trains, and on what.

    Parameters
    ----------
    writer : Writer
    adapted : Adapted
    parts : list of GenerationRows
        The rows that it was prepared for, packed where that is possible.
    n_frozen : int
        Lowest layers whose states can be kept.
    n_layers : int
    """

    writer: Writer
    adapted: Adapted
    parts: list[Any]
    n_frozen: int
    n_layers: int

    @property
    def n_trained(self) -> int:
        """How many weights train."""
        return sum(weight.numel() for weight in self.writer.trained().values())


def prepare_writer(
    base: GenerativeBase,
    name: AdaptationName,
    parts: list[GenerationRows],
    *,
    upper_layers: int | None,
    n_steps: int,
    random_state: int,
) -> PreparedWriter:
    """Load a base and put an adaptation into its upper layers.

    Parameters
    ----------
    parts : list of GenerationRows
        Rows to learn from, and to compare epochs on.
    upper_layers : int or None
        See `GeneratorSettings`.
    n_steps : int
        Steps of the optimizer that are planned.

    Raises
    ------
    SettingsError
        If the base has fewer layers than are to train.
    """
    if base.is_encoder_decoder and name.kind in STATES:
        raise _refused(
            f"adaptation is {str(name)!r}, which stands before what a causal model reads, and {base.name!r} is an "
            "encoder-decoder. Use 'lora:16' or 'adapter:48'"
        )
    model = load_language_model(base, dtype=torch.float32 if name.kind in IN_PLACE else working_dtype(base))
    n_layers = len(blocks_of(model))
    n_frozen = n_layers - _n_upper(upper_layers, name, base, n_layers)
    # What stands before every text cannot stand before each of several in one sequence.
    packs = (
        not base.is_encoder_decoder
        and name.kind not in STATES
        and can_pack(model, max(int(part.lengths.max()) for part in parts))
    )
    if packs:
        parts = [PackedRows.of(part) for part in parts]
    else:
        # Of what is as long as these rows, plain attention is the faster on a CPU, backward most of all.
        model.set_attn_implementation("eager")
    adaptation = load_adaptation(name).above(n_frozen)
    adapted = adaptation.apply(model, random_state=random_state, n_steps=n_steps)
    writer = Writer(model, is_encoder_decoder=base.is_encoder_decoder)
    return PreparedWriter(writer, adapted, parts, n_frozen if packs else 0, n_layers)


def _n_upper(asked: int | None, name: AdaptationName, base: GenerativeBase, n_layers: int) -> int:
    if asked is not None:
        if base.is_encoder_decoder:
            raise _refused(f"upper_layers is {asked}, and all layers of an encoder-decoder train. Leave it out")
        if asked > n_layers:
            raise _refused(
                f"upper_layers is {asked}, and the base {base.name!r} has {n_layers} layers. Use at most "
                f"{n_layers}, which is all of them"
            )
        return asked
    if name.kind == "top" and name.size is not None:
        return min(name.size, n_layers)
    if base.is_encoder_decoder or name.kind != "lora":
        return n_layers
    return max(1, round(n_layers / UPPER_SHARE_OF))


def _refused(fault: str) -> SettingsError:
    return SettingsError([fault], origin="The settings")
