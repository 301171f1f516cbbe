"""EfficientNet-Lite0: inverted residual blocks without squeeze-and-excitation, one vector an image.

The layers of Tan and Le (2019, arXiv:1905.11946) as their authors trimmed them for small devices: ReLU6 in place of
swish. A convolution of stride 2 pads one more pixel below and on the right, as TensorFlow does, where the weights are
from.
"""

from collections import OrderedDict
from typing import NamedTuple

import torch
from torch import nn

SIZE = 224  # Pixels of a side, what the weights were trained on.
DIMENSIONS = 1280
STEM = 32
GREY, SPREAD = 127.0, 128.0  # From 0 to 255 to about -1 to 1, as the weights were trained.
EPSILON = 1e-3


class Stage(NamedTuple):
    """Blocks of one width.

    Parameters
    ----------
    blocks : int
    kernel : int
        Pixels of a side.
    stride : int
        Of the first block.
    expansion : int
        How many times wider a block is inside.
    width : int
        Channels that come out.
    """

    blocks: int
    kernel: int
    stride: int
    expansion: int
    width: int


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)


class EfficientNetLite0(nn.Module):
    """From pixels to one vector an image: the mean over the last map."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = _convolution(3, STEM, kernel=3, stride=2)
        blocks, width = [], STEM
        for stage in STAGES:
            for number in range(stage.blocks):
                blocks.append(Block(width, stage, stride=stage.stride if number == 0 else 1))
                width = stage.width
        self.blocks = nn.Sequential(*blocks)
        self.head = _convolution(width, DIMENSIONS, kernel=1)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Give the vectors, a Tensor of shape (n_images, 1280).

        Parameters
        ----------
        pixels : Tensor of uint8 of shape (n_images, 224, 224, 3)
        """
        scaled = (pixels.float() - GREY) / SPREAD
        maps = self.head(self.blocks(self.stem(scaled.permute(0, 3, 1, 2))))
        return maps.mean(dim=(2, 3))


class Block(nn.Module):
    """Widen, look at each channel by itself, narrow; what came in is added where its shape is the same."""

    def __init__(self, width: int, stage: Stage, *, stride: int):
        super().__init__()
        inner = width * stage.expansion
        parts: list[nn.Module] = [] if stage.expansion == 1 else [_convolution(width, inner, kernel=1)]
        parts.append(_convolution(inner, inner, kernel=stage.kernel, stride=stride, groups=inner))
        parts.append(_convolution(inner, stage.width, kernel=1, is_linear=True))
        self.layers = nn.Sequential(*parts)
        self.adds = stride == 1 and width == stage.width

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Give the maps after this block."""
        found: torch.Tensor = self.layers(maps)
        return maps + found if self.adds else found


def _convolution(
    width: int, out: int, *, kernel: int, stride: int = 1, groups: int = 1, is_linear: bool = False
) -> nn.Sequential:
    before, is_uneven = (kernel - stride) // 2, (kernel - stride) % 2 == 1
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    if is_uneven:
        layers["pad"] = nn.ZeroPad2d((before, before + 1, before, before + 1))
    padding = 0 if is_uneven else before
    layers["convolution"] = nn.Conv2d(width, out, kernel, stride, padding, groups=groups, bias=False)
    layers["norm"] = nn.BatchNorm2d(out, eps=EPSILON)
    if not is_linear:
        layers["activation"] = nn.ReLU6()
    return nn.Sequential(layers)
