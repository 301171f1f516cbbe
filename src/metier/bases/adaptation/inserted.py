"""Parts that stay in an encoder: where they are, and how they are written and read.

Each part is a module added to the one whose answers it changes, by a hook, so that the weights of the base keep their
names. In a folder the base stands as it came, and the parts beside it in files of their own.
"""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from metier.bases.adaptation.adaptation import load_adaptation
from metier.bases.adaptation.naming import AdaptationName, parse_adaptation
from metier.bases.base import ADAPTATION
from metier.errors import BaseModelError, SettingsError

NAME_FILE = "adaptation.json"
# What a part is called inside the module it belongs to; no architecture has one of that name.
PART = "metier_part"


class Part(torch.nn.Module):
    """What stays in an encoder, beside weights of the base.

    Attributes
    ----------
    adaptation : AdaptationName
        What it was put in by.
    """

    adaptation: AdaptationName


def put_in(module: torch.nn.Module, part: Part, name: AdaptationName) -> None:
    """Add a part to the module whose answers it changes."""
    part.adaptation = name
    module.add_module(PART, part)
    part.to(next((weight.device for weight in module.parameters()), torch.device("cpu")))


def check_plain(encoder: torch.nn.Module, name: AdaptationName) -> None:
    """Refuse to put parts into an encoder that has some already.

    Raises
    ------
    SettingsError
    """
    before = adaptation_in(encoder)
    if before is not None:
        raise SettingsError(
            [
                f"the base already contains the adaptation {before}, and {name} cannot be added to it. Use "
                "'full' or 'lora:8'"
            ],
            origin="The adaptation",
        )


def adaptation_in(encoder: torch.nn.Module) -> AdaptationName | None:
    """Give what was put into an encoder to stay; None where it is plain."""
    return next((part.adaptation for part in encoder.modules() if isinstance(part, Part)), None)


def split_weights(encoder: Any) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Give the weights of the base and those of the parts, by name."""
    weights = encoder.state_dict()
    parts = {name: weight for name, weight in weights.items() if PART in name.split(".")}
    return {name: weight for name, weight in weights.items() if name not in parts}, parts


def write_parts(encoder: Any, folder: Path) -> None:
    """Write what is in an encoder besides the base; nothing for a plain one."""
    name = adaptation_in(encoder)
    if name is None:
        return
    _, parts = split_weights(encoder)
    save_file({key: weight.detach().cpu().contiguous() for key, weight in parts.items()}, folder / ADAPTATION)
    (folder / NAME_FILE).write_text(json.dumps({"adaptation": str(name)}) + "\n", encoding="utf-8")


def read_parts(encoder: Any, folder: Path) -> None:
    """Put into an encoder what its folder holds besides the base; nothing where there is nothing.

    Raises
    ------
    BaseModelError
        If the files do not fit the encoder or one another.
    """
    if not (folder / NAME_FILE).is_file():
        return
    try:
        name = parse_adaptation(json.loads((folder / NAME_FILE).read_text(encoding="utf-8"))["adaptation"])
        load_adaptation(name).apply(encoder, random_state=0, n_steps=1)
        _, own = split_weights(encoder)
        found = load_file(folder / ADAPTATION)
        if adaptation_in(encoder) is None or found.keys() != own.keys():
            raise ValueError(f"{ADAPTATION} does not hold the weights of {name}")
        encoder.load_state_dict(found, strict=False)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise BaseModelError(
            f"The adaptation in {folder} cannot be read ({error}). Export the model again."
        ) from error
    for weight in encoder.parameters():
        weight.requires_grad_(True)
