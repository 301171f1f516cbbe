"""One vector an image by a frozen base, computed once for each content."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from metier.bases.base import WEIGHTS, Base
from metier.bases.efficientnet_lite import SIZE, EfficientNetLite0
from metier.bases.embedding_cache import EmbeddingCache
from metier.bases.known_base import available_bases, known_base
from metier.bases.known_bases import weights_hash
from metier.errors import UnknownNameError
from metier.image.decoding import decoded
from metier.image.likeness import look_at
from metier.image.picture import Picture
from metier.progress import Listener, Progress, ignore
from metier.user_cache import user_cache

AUTO = "efficientnet-lite0"
IMAGES_AT_ONCE = 4  # More are no faster on a core: 30 ms an image, and 40 in sixteens.
RECIPE = 1  # Part of the cache's name; a change of how an image becomes a vector is a new number.


def image_base(name: str | Base) -> Base:
    """Find a base that sees by its short name, or `auto`.

    Raises
    ------
    UnknownNameError
        If there is none of that name.
    MissingExtraError
        If the package with its weights is not installed.
    WrongHashError
        If the weights are not the published ones.
    """
    if isinstance(name, Base):
        return name
    known = known_base(AUTO if name == "auto" else name)
    if known is None or known.use != "image":
        seeing = [base.name for base in available_bases() if base.use == "image"]
        raise UnknownNameError("base for images", name, known=[*seeing, "auto"])
    return Base(known.name, known.folder(), normalise=False)


def load_image_model(base: Base) -> EfficientNetLite0:
    """Load the network of a base; it gives the same vectors every time."""
    model = EfficientNetLite0()
    model.load_state_dict(load_file(base.folder / WEIGHTS))
    return model.eval()


def pixels_of(pictures: Sequence[Picture]) -> np.ndarray:
    """Decode some pictures, an ndarray of uint8 of shape (n_pictures, 224, 224, 3)."""
    return np.stack([decoded(picture, SIZE) for picture in pictures])


def embed_images(base: Base, pictures: Sequence[Picture], *, listener: Listener = ignore) -> np.ndarray:
    """Give the vectors of pictures, an ndarray of float32 of shape (n_pictures, 1280); kept on disk.

    Raises
    ------
    ImageError
        If one cannot be decoded.
    """
    keys = [_content(picture) for picture in pictures]
    store = EmbeddingCache(user_cache() / "embeddings" / f"images-{weights_hash(base)[:16]}-{RECIPE}.sqlite")
    known = store.get(keys)
    new = {key: picture for key, picture in zip(keys, pictures, strict=True) if key not in known}
    unknown, model = list(new.items()), load_image_model(base) if new else None
    for start in range(0, len(unknown), IMAGES_AT_ONCE):
        some = unknown[start : start + IMAGES_AT_ONCE]
        with torch.inference_mode():
            vectors = model(torch.from_numpy(pixels_of([picture for _, picture in some]))).numpy()  # type: ignore[misc]
        fresh = dict(zip((key for key, _ in some), vectors, strict=True))
        known.update(fresh)
        store.put(fresh)
        listener(Progress(f"embedding with {base.name}", start + len(some), len(unknown)))
    return np.stack([known[key] for key in keys])


def _content(picture: Picture) -> str:
    if isinstance(picture.source, Path):
        return look_at(picture.source).content
    return hashlib.sha256(picture.source).hexdigest()
