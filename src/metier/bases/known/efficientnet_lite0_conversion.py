"""The weights of the package as a folder of a safe format: its file is a pickle, which is read as tensors alone."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from metier.bases.base import WEIGHTS
from metier.bases.efficientnet_lite import N_BLOCKS, OWN_TYPE, SIZE, EfficientNetLite0
from metier.bases.known_bases import PROCESSOR


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
    write_config(folder)


def write_config(folder: Path) -> None:
    """Say what the weights of a folder are."""
    config = {"model_type": OWN_TYPE, "image_size": SIZE, "num_hidden_layers": N_BLOCKS}
    (folder / "config.json").write_text(json.dumps(config) + "\n", encoding="utf-8")
    own = EfficientNetLite0.preparation
    processor = {
        "image_processor_type": "ViTImageProcessor",  # Of transformers: it prepares images as this network takes them.
        "size": {"height": own.height, "width": own.width},
        "resample": own.resample,
        "image_mean": own.mean,
        "image_std": own.std,
    }
    (folder / PROCESSOR).write_text(json.dumps(processor) + "\n", encoding="utf-8")
