"""Search across modalities: `cross_modal_search.v1`. A text, an image or both are asked, texts or images are found.

The folder holds the collection (`collection.json`: ids, texts and the names of images, not the images themselves) with
its vectors in the common space, the encoder of texts in `text/`, that of images in `image/`, and the two projections
into the common space in `projections.safetensors`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
from safetensors.numpy import load_file, save_file

from metier.features.pair_features import of_length_one
from metier.features.projection import Projection
from metier.image.picture import Picture
from metier.predictors.loading import as_bundle_error, load_predictor, read_settings, write_settings
from metier.predictors.onnx.image_vectors import ImageVectors
from metier.tasks.answer_batches import DIGITS, RecordAnswers
from metier.tasks.collection import Collection
from metier.tasks.inputs.text_image import TEXT_IMAGE, TextImage

KIND = "cross_modal_search.v1"
COLLECTION_FILE = "collection.json"
VECTORS_FILE = "vectors.safetensors"
PROJECTIONS_FILE = "projections.safetensors"
TEXT_FOLDER, IMAGE_FOLDER = "text", "image"
QUERIES_AT_ONCE = 256


class Embeds(Protocol):
    """Gives vectors of texts, or of pictures."""

    def vectors(self, items: Sequence[Any], /) -> np.ndarray:
        """Give the vector of each, of shape (n_items, n_features); at least one item."""
        ...


@dataclass(frozen=True)
class Projections:
    """The ways of both encoders into the common space."""

    text: Projection
    image: Projection


@dataclass(frozen=True)
class CommonSpace:
    """Embeds texts and images into one space.

    Parameters
    ----------
    text, image : Embeds
    projections : Projections
    """

    text: Embeds
    image: Embeds
    projections: Projections

    def vectors(self, queries: Sequence[TextImage]) -> np.ndarray:
        """Give the vector of each query, of length 1; that of a text with an image is the mean of the two."""
        size = len(self.projections.text.bias)
        found = np.zeros((len(queries), size), dtype=np.float32)
        read = [place for place, query in enumerate(queries) if query.text.strip()]
        seen = [place for place, query in enumerate(queries) if query.picture is not None]
        if read:
            found[read] += self.projections.text(self.text.vectors([queries[place].text for place in read]))
        if seen:
            pictures = [queries[place].picture for place in seen]
            found[seen] += self.projections.image(self.image.vectors(pictures))
        return of_length_one(found)


class CrossModalSearchPredictor:
    """Finds the texts or images of a collection that match a text, an image, or both. Safe to share between threads.

    Parameters
    ----------
    collection : Collection
    vectors : ndarray of float32 of shape (n_found, size)
        Of the collection in the common space, of length 1.
    space : CommonSpace
    top : int
        Most matches in an answer.
    name : str
        Versioned name of the method that left this predictor.
    """

    labels: tuple[str, ...] = ()

    def __init__(
        self, collection: Collection, vectors: np.ndarray, space: CommonSpace, *, top: int, name: str = KIND
    ):
        self.collection = collection
        self.vectors = vectors
        self.space = space
        self.top = top
        self.name = name

    def predict(self, queries: Sequence[Any]) -> RecordAnswers:
        """Give the best matches of each query.

        Returns
        -------
        RecordAnswers
            `predicted` are rankings: the ids of the `top` best matches of each query, the best first. Records hold
            `matches`, each with `id`, `text`, `score` (a cosine), and where images are searched `image`, their name.
        """
        asked = as_queries(queries) if len(queries) else []
        records: list[dict[str, Any]] = []
        for start in range(0, len(asked), QUERIES_AT_ONCE):
            cosines = self.space.vectors(asked[start : start + QUERIES_AT_ONCE]) @ self.vectors.T
            for row in cosines:
                best = np.argsort(-row, kind="stable")[: self.top]
                records.append({"matches": [self._match(int(place), float(row[place])) for place in best]})
        predicted = [[match["id"] for match in record["matches"]] for record in records]
        return RecordAnswers(predicted, records, (self.name,) * len(asked), ranked="matches")

    def _match(self, place: int, cosine: float) -> dict[str, Any]:
        match = {
            "id": self.collection.ids[place],
            "text": self.collection.texts[place],
            "score": round(cosine, DIGITS),
        }
        return match | ({"image": self.collection.images[place]} if self.collection.images else {})

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load what a method of alignment exported; `threads` are those of each encoder.

        Raises
        ------
        BundleError
            If a file is missing or broken.
        """
        settings = read_settings(folder)
        with as_bundle_error(folder, "does not hold a complete collection"):
            stored = json.loads((folder / COLLECTION_FILE).read_text(encoding="utf-8"))
            texts, ids, images = (tuple(stored[key]) for key in ("texts", "ids", "images"))
            collection = Collection(texts, ids, images)
            vectors = load_file(folder / VECTORS_FILE)["vectors"].astype(np.float32)
            arrays = load_file(folder / PROJECTIONS_FILE)
            text, image = (
                Projection(arrays[f"{side}.weight"], arrays[f"{side}.bias"])
                for side in (TEXT_FOLDER, IMAGE_FOLDER)
            )
            top = int(settings["top"])
            seen = ImageVectors.load(folder / IMAGE_FOLDER, threads=threads)
        read: Any = load_predictor(folder / TEXT_FOLDER, threads=threads)
        space = CommonSpace(read, seen, Projections(text, image))
        return cls(collection, vectors, space, top=top, name=settings["name"])

    def save(self, folder: Path) -> None:
        """Write all but the encoders, which are exported beside it."""
        folder.mkdir(parents=True, exist_ok=True)
        found = self.collection
        stored = {"ids": list(found.ids), "texts": list(found.texts), "images": list(found.images)}
        (folder / COLLECTION_FILE).write_text(json.dumps(stored, ensure_ascii=False), encoding="utf-8")
        save_file({"vectors": np.ascontiguousarray(self.vectors, np.float16)}, folder / VECTORS_FILE)
        both = {TEXT_FOLDER: self.space.projections.text, IMAGE_FOLDER: self.space.projections.image}
        arrays = {
            f"{side}.{part}": np.ascontiguousarray(values, np.float32)
            for side, projection in both.items()
            for part, values in (("weight", projection.weight), ("bias", projection.bias))
        }
        save_file(arrays, folder / PROJECTIONS_FILE)
        write_settings(folder, {"kind": KIND, "name": self.name, "labels": [], "top": self.top})


def as_queries(queries: Sequence[Any]) -> list[TextImage]:
    """Give queries as texts with images: texts, pictures, or mappings with `text`, `image` or both."""
    return TEXT_IMAGE.read([{"image": query} if isinstance(query, Picture) else query for query in queries])
