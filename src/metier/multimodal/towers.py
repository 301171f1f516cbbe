"""A tower of texts and a tower of images, both frozen: the numbers of each row, computed once."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import psutil
import torch

from metier.bases.base import Base
from metier.bases.embedding import embed
from metier.bases.embedding_cache import EmbeddingCache
from metier.bases.huggingface_folder import load_model
from metier.bases.image_embedding import IMAGES_AT_ONCE, embed_images, pixels_of
from metier.bases.image_network import InTwoParts, load_image_network
from metier.bases.known_bases import cutter_of, weights_hash
from metier.errors import BaseModelError
from metier.features.tokenization import batches_by_length, pad
from metier.image.picture import Picture, mean_of_each
from metier.multimodal.tower_outputs import TowerOutputs
from metier.progress import Listener, Progress, ignore
from metier.tasks.inputs.text_image import TextImage
from metier.tasks.method_contract import TRAINING_OVER_FORWARD
from metier.training.training_cost import Cost, measure_training
from metier.user_cache import user_cache

MOST_TOKENS = 64  # Of a text, where a fusion looks at them one by one.
TOKEN_BUDGET = 1024
RECIPE = 1  # Part of the cache's name; a change of what is kept of an image is a new number.
TIMED_IMAGES = 8
MAP_BYTES = 200_000_000  # What the maps of some images take while they are embedded.


@dataclass(frozen=True)
class Towers:
    """The two bases, and what a fusion wants of them.

    Parameters
    ----------
    text, image : Base
    in_detail : bool
        Whether tokens and regions are wanted: the states of a text's first 64 tokens, and the mean of the image's last
        map with that map behind it, instead of one vector each.
    """

    text: Base
    image: Base
    in_detail: bool = False

    def read(self, items: Sequence[TextImage], *, listener: Listener = ignore) -> TowerOutputs:
        """Give the numbers of rows; vectors are kept on disk."""
        has_text = np.array([bool(item.text.strip()) for item in items])
        has_image = np.array([item.picture is not None for item in items])
        texts = [item.text for item in items if item.text.strip()]
        pictures = [item.picture for item in items if item.picture is not None]
        images = self._images(pictures, listener) if pictures else np.zeros((0, self._image_size))
        if self.in_detail:
            states = iter(token_states(self.text, texts, listener=listener) if texts else ())
            size = int(load_model(self.text).config.hidden_size)
            tokens = tuple(next(states) if there else np.zeros((1, size), np.float32) for there in has_text)
            return TowerOutputs(
                np.stack([one.mean(axis=0) for one in tokens]),
                _placed(images, has_image),
                has_text,
                has_image,
                tokens,
            )
        vectors = embed(self.text, texts, listener=listener) if texts else np.zeros((0, self._text_size))
        return TowerOutputs(_placed(vectors, has_text), _placed(images, has_image), has_text, has_image)

    @property
    def _text_size(self) -> int:
        return int(load_model(self.text).config.hidden_size)

    @property
    def _image_size(self) -> int:
        return int(self.image_module().dimensions)

    def image_module(self) -> Any:
        """Give the network from pixels to one row of numbers an image, with its `preparation` and `dimensions`.

        Raises
        ------
        BaseModelError
            If regions are wanted of a network that cannot be read in two parts.
        """
        network = load_image_network(self.image)
        return WithRegions(network) if self.in_detail else network

    def _images(self, pictures: Sequence[Picture], listener: Listener) -> np.ndarray:
        if not self.in_detail:
            return embed_images(self.image, pictures, listener=listener)
        return mean_of_each(pictures, lambda each: self._images_in_detail(each, listener))

    def _images_in_detail(self, pictures: Sequence[Picture], listener: Listener) -> np.ndarray:
        """Give vectors and regions, kept on disk: reading the images takes longer than learning from them."""
        keys = [picture.content for picture in pictures]
        name = f"regions-{weights_hash(self.image)[:16]}-{RECIPE}.sqlite"
        store = EmbeddingCache(user_cache() / "embeddings" / name)
        known = store.get(keys)
        new = [(key, one) for key, one in dict(zip(keys, pictures, strict=True)).items() if key not in known]
        module = self.image_module() if new else None
        for start in range(0, len(new), IMAGES_AT_ONCE):
            assert module is not None
            some = new[start : start + IMAGES_AT_ONCE]
            pixels = torch.from_numpy(pixels_of([one for _, one in some], module.preparation))
            with torch.inference_mode():
                fresh = dict(zip([key for key, _ in some], module(pixels).numpy(), strict=True))
            known.update(fresh)
            store.put(fresh)
            listener(Progress(f"regions of images by {self.image.name}", start + len(some), len(new)))
        return np.stack([known[key] for key in keys])


class WithRegions(torch.nn.Module):
    """A network of images that gives its vector and, behind it, the map below its last block, region by region.

    Parameters
    ----------
    network : Module
        One that can be read in two parts.
    """

    def __init__(self, network: Any):
        super().__init__()
        if not isinstance(network, InTwoParts):
            raise BaseModelError(
                f"Regions of images are read from efficientnet-lite0 alone, and this base is a {type(network).__name__}. "
                "Leave image_base out, or take another fusion, joint.v1 for instance."
            )
        self.network = network
        self.below = len(network.blocks) - 1  # type: ignore[attr-defined]
        self.preparation = network.preparation  # type: ignore[attr-defined]
        shape = (1, self.preparation.height, self.preparation.width, 3)
        with torch.inference_mode():
            self.dimensions = int(self(torch.zeros(shape, dtype=torch.uint8)).shape[1])

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Give numbers of shape (n_images, vector_size + n_regions * region_size)."""
        network: Any = self.network
        maps = network.lower(pixels, self.below)
        vectors = network.upper(maps, self.below)
        return torch.cat([vectors, maps.flatten(2).transpose(1, 2).flatten(1)], dim=1)


def token_states(base: Base, texts: Sequence[str], *, listener: Listener = ignore) -> list[np.ndarray]:
    """Give the states of the first tokens of texts, each of shape (n_tokens, hidden_size)."""
    model = load_model(base)
    ids = [row[:MOST_TOKENS] for row in cutter_of(base).first(texts)]
    found: list[Any] = [None] * len(ids)
    done = 0
    for rows in batches_by_length([len(row) for row in ids], token_budget=TOKEN_BUDGET):
        arrays = pad([ids[row] for row in rows], pad_id=int(model.config.pad_token_id or 0))
        input_ids, mask = map(torch.from_numpy, arrays)
        with torch.inference_mode():
            hidden = model(input_ids=input_ids, attention_mask=mask).last_hidden_state.float().numpy()
        for row, states in zip(rows, hidden, strict=True):
            found[row] = states[: len(ids[row])]
        done += len(rows)
        listener(Progress(f"token states by {base.name}", done, len(ids)))
    return found


def reading_cost(towers: Towers, items: Sequence[TextImage]) -> Cost:
    """Time some real texts and images, and say what it costs to read all of them once."""
    texts = [item.text for item in items if item.text.strip()]
    pictures = [item.picture for item in items if item.picture is not None]
    before = per_answer = 0.0
    memory = psutil.Process().memory_info().rss + MAP_BYTES
    if texts:
        ids = cutter_of(towers.text).first(texts)
        epoch = measure_training(towers.text, ids, n_classes=2, token_budget=TOKEN_BUDGET)
        before += epoch.seconds_per_epoch / TRAINING_OVER_FORWARD
        per_answer += epoch.seconds_per_answer
        memory = max(memory, epoch.memory_bytes)
    if pictures:
        seconds = _seconds_an_image(towers, pictures)
        before += seconds * len(pictures)
        per_answer += seconds
    return Cost(before / len(items), 0.0, memory, seconds_before=before, seconds_per_answer=per_answer)


def _seconds_an_image(towers: Towers, pictures: Sequence[Picture]) -> float:
    some = pictures[:: max(1, len(pictures) // TIMED_IMAGES)][:TIMED_IMAGES]
    model, began = towers.image_module(), time.perf_counter()
    with torch.inference_mode():
        model(torch.from_numpy(pixels_of(some, model.preparation)))
    return (time.perf_counter() - began) / len(some)


def _placed(numbers: np.ndarray, is_there: np.ndarray) -> np.ndarray:
    """Put numbers of some rows where these rows are, zeros elsewhere."""
    found = np.zeros((len(is_there), numbers.shape[1]), dtype=np.float32)
    found[is_there] = numbers
    return found
