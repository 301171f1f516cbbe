"""The weights of the package as a folder of a safe format: its file is a pickle, which is read as tensors alone."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from metier.bases.base import WEIGHTS
from metier.bases.efficientnet_lite import SIZE, EfficientNetLite0


def convert(source: Path, folder: Path) -> None:
    """Write `model.safetensors` and `config.json` into an empty folder.

    The layers of the file stand in the order of ours, under other names; the last two are ImageNet's labels.
    """
    given = torch.load(source, map_location="cpu", weights_only=True)
    names = EfficientNetLite0().state_dict()
    renamed = {
        name: tensor.contiguous()
        for name, tensor in zip(names, list(given.values())[: len(names)], strict=True)
    }
    save_file(renamed, folder / WEIGHTS)
    config = {"model_type": "efficientnet-lite0", "image_size": SIZE}
    (folder / "config.json").write_text(json.dumps(config) + "\n", encoding="utf-8")
