"""Vision models of transformers with random weights, saved as folders: small, and made as real ones are."""

from pathlib import Path

import torch
from transformers import (
    ConvNextImageProcessorPil,
    DeiTImageProcessorPil,
    ResNetConfig,
    ResNetModel,
    ViTConfig,
    ViTImageProcessorPil,
    ViTModel,
)

SIDE = 48


def make(folder: Path, kind: str) -> Path:
    """Write a small `resnet` or `vit`, or a ViT whose processor cuts the middle out, `deit`."""
    torch.manual_seed(0)
    if kind == "resnet":
        model = ResNetModel(
            ResNetConfig(embedding_size=16, hidden_sizes=[16, 32, 48], depths=[1, 1, 1], layer_type="basic")
        )
        processor = ConvNextImageProcessorPil(
            size={"shortest_edge": SIDE}, image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225]
        )
    else:
        config = ViTConfig(
            image_size=SIDE,
            patch_size=16,
            hidden_size=32,
            num_hidden_layers=3,
            num_attention_heads=2,
            intermediate_size=64,
        )
        model = ViTModel(config, add_pooling_layer=False)
        processor = (
            ViTImageProcessorPil(size={"height": SIDE, "width": SIDE})
            if kind == "vit"
            else DeiTImageProcessorPil(
                size={"height": 56, "width": 56}, crop_size={"height": SIDE, "width": SIDE}
            )
        )
    # Statistics of batch norms as of a trained model: those of a fresh one would change nothing.
    for name, buffer in model.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_(0, 0.1)
        if name.endswith("running_var"):
            buffer.uniform_(0.5, 1.5)
    model.eval().save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
