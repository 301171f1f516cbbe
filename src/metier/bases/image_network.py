"""Networks of images: pixels in, one vector an image out, whatever is inside.

A network takes pixels as they are decoded, 0 to 255, and counts colours as its base did itself, so that an exported graph
does, too. `encoder` is what an adaptation changes. Any vision model in a Hugging Face folder is one: its processor says how
images are prepared, and what Pillow and numpy make of that is compared with the processor when the base is loaded.
"""

import io
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
import transformers
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from metier.bases.base import WEIGHTS, Base
from metier.bases.efficientnet_lite import OWN_TYPE, EfficientNetLite0
from metier.bases.huggingface_folder import check_whole, load_pretrained, loading, quiet_transformers
from metier.bases.image_base import folder_preparation
from metier.bases.known.efficientnet_lite0_conversion import write_config
from metier.bases.known_bases import PROCESSOR, read_json
from metier.errors import BaseModelError
from metier.image.picture import Picture
from metier.image.preparation import Preparation

LARGEST_DIFFERENCE = (
    0.05  # Of a normalised colour: a filter's rounding is a fifth of it, a wrong size or filter tens.
)
TRIAL_SIZE = (301, 203)  # Pixels of the picture that both preparations are compared on.


class ImageNetwork(Protocol):
    """A Module from pixels to vectors.

    Attributes
    ----------
    preparation : Preparation
        How images become its pixels.
    dimensions : int
        Numbers of a vector.
    encoder : Module
        What an adaptation changes.
    """

    preparation: Preparation
    dimensions: int

    @property
    def encoder(self) -> Any:
        """What an adaptation changes."""
        ...

    def __call__(self, pixels: torch.Tensor) -> torch.Tensor:
        """Give the vectors of pixels, 0 to 255, of shape (n_images, height, width, 3)."""
        ...


@runtime_checkable
class InTwoParts(Protocol):
    """A network whose lower blocks can be run by themselves, and kept what they give."""

    def lower(self, pixels: torch.Tensor, n_blocks: int) -> torch.Tensor:
        """Give the maps after so many blocks."""
        ...

    def upper(self, maps: torch.Tensor, n_blocks: int) -> torch.Tensor:
        """Give the vectors from the maps after so many blocks."""
        ...


class HuggingFaceNetwork(torch.nn.Module):
    """A vision model of transformers.

    The vector is what its pooler gives; of a model without one the first token's state where that is none of a patch, and
    the mean over all patches or places where there is no such token.

    Parameters
    ----------
    encoder : PreTrainedModel
    preparation : Preparation
    """

    def __init__(self, encoder: Any, preparation: Preparation):
        super().__init__()
        self.encoder = encoder
        self.preparation = preparation
        self.register_buffer("mean", torch.tensor(preparation.mean)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(preparation.std)[:, None, None], persistent=False)
        shape = (1, preparation.height, preparation.width, 3)
        with torch.inference_mode():
            self.dimensions = int(self(torch.zeros(shape, dtype=torch.uint8)).shape[1])

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Give the vectors of pixels, 0 to 255, of shape (n_images, height, width, 3)."""
        scaled = (pixels.permute(0, 3, 1, 2).float() / 255 - self.mean) / self.std
        found = self.encoder(pixel_values=scaled)
        pooled = getattr(found, "pooler_output", None)
        states = found.last_hidden_state if pooled is None else pooled
        if states.dim() == 4:
            return states.mean(dim=(2, 3))
        if states.dim() == 3:
            return states[:, 0] if self._has_first_token(states.shape[1]) else states.mean(dim=1)
        return states

    def _has_first_token(self, n_tokens: int) -> bool:
        """Whether a state stands before those of the patches, whose number is a square of patches a side."""
        side = getattr(self.encoder.config, "patch_size", None)
        if not isinstance(side, int):
            return False
        return n_tokens > (self.preparation.height // side) * (self.preparation.width // side)


def load_image_network(base: Base) -> Any:
    """Load the network of a base, in evaluation mode; it gives the same vectors every time.

    Raises
    ------
    BaseModelError
        If the folder holds no network of images, or its processor prepares images otherwise than can be carried out here.
    """
    if read_json(base.folder / "config.json").get("model_type") == OWN_TYPE:
        return _own_network(base.folder)
    preparation = folder_preparation(base.folder)
    with loading(base.folder, "a network of images", "a vision model"):
        config = transformers.AutoConfig.from_pretrained(
            base.folder, local_files_only=True, trust_remote_code=False
        )
        kind = transformers.AutoModel._model_mapping[type(config)]
        encoder, missing = load_pretrained(kind, base.folder)
        if any(name.startswith("pooler.") for name in missing):
            # A pooler that was never trained would be random numbers.
            encoder, missing = load_pretrained(kind, base.folder, add_pooling_layer=False)
    check_whole(base.folder, missing, "network")
    if getattr(encoder, "main_input_name", "") != "pixel_values":
        raise BaseModelError(
            f"{base.folder} holds a {type(encoder).__name__}, which does not read pixels alone. "
            "Take a vision model: ResNet, ViT, DINOv2, ConvNeXT, Swin."
        )
    check_preparation(base.folder, preparation)
    return HuggingFaceNetwork(encoder.eval(), preparation).eval()


def check_preparation(folder: Path, preparation: Preparation) -> None:
    """Compare what Pillow and numpy make of a picture with the folder's own processor; raises `BaseModelError`."""
    with loading(folder, "a processor of images", "an image processor"):
        processor = transformers.AutoImageProcessor.from_pretrained(
            folder, backend="pil", local_files_only=True, trust_remote_code=False
        )
        given = processor(Image.fromarray(_trial()), return_tensors="np")["pixel_values"][0]
    found = preparation.normalised(preparation.pixels(_picture_of(_trial()))).transpose(2, 0, 1)
    if given.shape == found.shape and np.abs(given - found).max() <= LARGEST_DIFFERENCE:
        return
    raise BaseModelError(
        f"{folder / PROCESSOR} prepares images in a way that is not known here: a {type(processor).__name__} that gives "
        f"{given.shape[1]} x {given.shape[2]} pixels. Expected scaling, a cut from the middle, and mean and spread of the "
        "colours; take another base for images."
    )


def save_image_network(network: Any, base: Base, folder: Path) -> None:
    """Write a network as a folder in Hugging Face layout, which can be a base again."""
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(network, EfficientNetLite0):
        weights = {name: weight.detach().cpu().contiguous() for name, weight in network.state_dict().items()}
        save_file(weights, folder / WEIGHTS)
        write_config(folder)
    else:
        with quiet_transformers():
            network.encoder.save_pretrained(folder)
        (folder / PROCESSOR).write_bytes((base.folder / PROCESSOR).read_bytes())
    for path in folder.iterdir():
        path.chmod(0o644)  # safetensors writes 0600.


def _own_network(folder: Path) -> EfficientNetLite0:
    network = EfficientNetLite0()
    try:
        network.load_state_dict(load_file(folder / WEIGHTS))
    except (OSError, RuntimeError, SafetensorError) as error:
        raise BaseModelError(
            f"{folder} does not hold the weights of {OWN_TYPE} ({error}). Take it from its source again."
        ) from error
    return network.eval()


def _trial() -> np.ndarray:
    """Give a picture of edges, slopes and noise."""
    width, height = TRIAL_SIZE
    across, down = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    noise = np.random.default_rng(0).integers(0, 256, (height // 7 + 1, width // 7 + 1))
    blocks = noise.repeat(7, axis=0).repeat(7, axis=1)[:height, :width]
    return np.stack([across, down, blocks], axis=2).astype(np.uint8)


def _picture_of(pixels: np.ndarray) -> Picture:
    written = io.BytesIO()
    Image.fromarray(pixels).save(written, format="PNG")
    return Picture(written.getvalue(), "the trial picture")
