"""One vector an image by a frozen base, computed once for each content."""

from collections.abc import Sequence

import numpy as np
import torch

from metier.bases.base import Base
from metier.bases.embedding_cache import EmbeddingCache
from metier.bases.image_network import load_image_network
from metier.bases.known_bases import weights_hash
from metier.image.picture import Picture, mean_of_each
from metier.image.preparation import Preparation
from metier.progress import Listener, Progress, ignore
from metier.user_cache import user_cache

IMAGES_AT_ONCE = 4  # More are no faster on a core: 30 ms an image, and 40 in sixteens.
RECIPE = 2  # Part of the cache's name; a change of how an image becomes a vector is a new number.


def pixels_of(pictures: Sequence[Picture], preparation: Preparation) -> np.ndarray:
    """Decode some pictures, an ndarray of uint8 of shape (n_pictures, height, width, 3)."""
    return np.stack([preparation.pixels(picture) for picture in pictures])


def embed_images(base: Base, pictures: Sequence[Picture], *, listener: Listener = ignore) -> np.ndarray:
    """Give the vectors of pictures, an ndarray of float32 of shape (n_pictures, dimensions); kept on disk.

    Of a row with several pictures it is the mean of their vectors.

    Raises
    ------
    ImageError
        If one cannot be decoded.
    """
    return mean_of_each(pictures, lambda each: _vectors_of_each(base, each, listener))


def _vectors_of_each(base: Base, pictures: Sequence[Picture], listener: Listener) -> np.ndarray:
    keys = [picture.content for picture in pictures]
    store = EmbeddingCache(user_cache() / "embeddings" / f"images-{weights_hash(base)[:16]}-{RECIPE}.sqlite")
    known = store.get(keys)
    new = {key: picture for key, picture in zip(keys, pictures, strict=True) if key not in known}
    unknown, network = list(new.items()), load_image_network(base) if new else None
    for start in range(0, len(unknown), IMAGES_AT_ONCE):
        some = unknown[start : start + IMAGES_AT_ONCE]
        assert network is not None
        pixels = pixels_of([picture for _, picture in some], network.preparation)
        with torch.inference_mode():
            vectors = network(torch.from_numpy(pixels)).numpy()
        fresh = dict(zip((key for key, _ in some), vectors, strict=True))
        known.update(fresh)
        store.put(fresh)
        listener(Progress(f"embedding with {base.name}", start + len(some), len(unknown)))
    return np.stack([known[key] for key in keys])
