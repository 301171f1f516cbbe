"""EfficientNet-Lite0: inverted residual blocks without squeeze-and-excitation, one vector an image.

The layers of Tan and Le (2019, arXiv:1905.11946) as their authors trimmed them for small devices: ReLU6 in place of
swish. A convolution of stride 2 pads one more pixel below and on the right, as TensorFlow does, where the weights are
from.
"""

from collections import OrderedDict
from typing import NamedTuple

import torch
from torch import nn

from metier.image.preparation import Preparation

OWN_TYPE = "efficientnet-lite0"  # What `config.json` calls it.
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


N_BLOCKS = sum(stage.blocks for stage in STAGES) + 1  # The last widens.


class EfficientNetLite0(nn.Module):
    """From pixels to one vector an image: the mean over the last map.

    The last of `blocks` is a convolution that widens what the others found to 1280 maps; a network can be read in two
    parts, below and above a block, since what lies below may stay as it is.
    """

    preparation = Preparation(SIZE, SIZE, mean=(GREY / 255,) * 3, std=(SPREAD / 255,) * 3)
    dimensions = DIMENSIONS

    def __init__(self) -> None:
        super().__init__()
        self.stem = _convolution(3, STEM, kernel=3, stride=2)
        blocks, width = [], STEM
        for stage in STAGES:
            for number in range(stage.blocks):
                blocks.append(_inverted_residual(width, stage, stride=stage.stride if number == 0 else 1))
                width = stage.width
        blocks.append(Block(nn.Sequential(_convolution(width, DIMENSIONS, kernel=1)), adds=False))
        self.blocks = nn.ModuleList(blocks)

    @property
    def encoder(self) -> "EfficientNetLite0":
        """What an adaptation changes."""
        return self

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Give the vectors, a Tensor of shape (n_images, 1280).

        Parameters
        ----------
        pixels : Tensor of uint8 of shape (n_images, 224, 224, 3)
        """
        return self.maps(pixels).mean(dim=(2, 3))

    def maps(self, pixels: torch.Tensor) -> torch.Tensor:
        """Give the last maps, a Tensor of shape (n_images, 1280, 7, 7)."""
        return self.passed(self.lower(pixels, 0), 0, len(self.blocks))

    def lower(self, pixels: torch.Tensor, n_blocks: int) -> torch.Tensor:
        """Give the maps after so many blocks."""
        scaled = (pixels.float() - GREY) / SPREAD
        return self.passed(self.stem(scaled.permute(0, 3, 1, 2)), 0, n_blocks)

    def upper(self, maps: torch.Tensor, n_blocks: int) -> torch.Tensor:
        """Give the vectors of images from their maps after so many blocks."""
        return self.passed(maps, n_blocks, len(self.blocks)).mean(dim=(2, 3))

    def passed(self, maps: torch.Tensor, start: int, stop: int) -> torch.Tensor:
        """Give what some of the blocks make of maps."""
        for block in self.blocks[start:stop]:
            maps = block(maps)
        return maps


class Block(nn.Module):
    """Layers one after the other; what came in is added to what they found where both have the same shape."""

    def __init__(self, layers: nn.Sequential, *, adds: bool):
        super().__init__()
        self.layers = layers
        self.adds = adds

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Give the maps after this block."""
        found: torch.Tensor = self.layers(maps)
        return maps + found if self.adds else found


def _inverted_residual(width: int, stage: Stage, *, stride: int) -> Block:
    """Widen, look at each channel by itself, narrow."""
    inner = width * stage.expansion
    parts: list[nn.Module] = [] if stage.expansion == 1 else [_convolution(width, inner, kernel=1)]
    parts.append(_convolution(inner, inner, kernel=stage.kernel, stride=stride, groups=inner))
    parts.append(_convolution(inner, stage.width, kernel=1, is_linear=True))
    return Block(nn.Sequential(*parts), adds=stride == 1 and width == stage.width)


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
