"""What methods of alignment have in common: frozen vectors of both sides, projections that are learned, a search.

A family says how the projections are learned (`_learn`). The vectors of each text and image are computed once and kept
on disk; what is learned on them takes seconds.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import psutil
import torch
from pydantic import Field
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from metier.bases.base import Base
from metier.bases.embedding import embed
from metier.bases.huggingface_folder import load_model
from metier.bases.image_base import image_base
from metier.bases.image_embedding import embed_images, pixels_of
from metier.bases.image_network import load_image_network
from metier.bases.known_bases import resolve_base
from metier.errors import DataError, EmptyDataError
from metier.export.graph_export import Exported, export_graph, pooled, sample_of, typical_rows
from metier.export.image_graph import write_image_graph
from metier.features.pair_features import of_length_one
from metier.image.picture import Picture
from metier.predictors.composite.cross_modal_search import (
    IMAGE_FOLDER,
    TEXT_FOLDER,
    CommonSpace,
    CrossModalSearchPredictor,
    Projections,
    as_queries,
)
from metier.predictors.loading import write_settings
from metier.predictors.onnx.graph_session import MODEL_FILE
from metier.progress import Listener, ignore
from metier.tasks.answers.label import LabelDecoder
from metier.tasks.collection import Collection, as_relevant
from metier.tasks.estimators import SearchMethod
from metier.tasks.inputs import TEXT_IMAGE
from metier.tasks.inputs.text_image import TextImage
from metier.tasks.method_settings import MethodSettings
from metier.text.language import detect_language
from metier.training.training_cost import Cost

HUGGING_FACE = "huggingface"
TIMED = 8  # Texts and images that are timed.
VECTOR_BYTES = 400_000_000  # What both encoders and the vectors of some thousand rows take.


class AlignmentSettings(MethodSettings):
    """Settings of every method that aligns a frozen encoder of texts and one of images."""

    collection: Any = Field(None, description="The images or texts to search in.")
    base: Any = Field(
        "auto",
        description="Of texts: a folder, a known short name, a hub name; `auto` picks by their language.",
    )
    image_base: Any = Field(
        "auto", description="Of images: a folder, a known short name, a hub name; `auto` is efficientnet-lite0."
    )
    top: int = Field(10, ge=1, description="Most results per query.")


@dataclass(frozen=True)
class PairedVectors:
    """Queries with what answers them, as vectors of the two encoders.

    Parameters
    ----------
    queries : ndarray of shape (n_queries, n_query_features)
        Each query once.
    answers : ndarray of shape (n_answers, n_answer_features)
        The whole collection.
    positives : ndarray of bool of shape (n_queries, n_answers)
        Which answer which; queries that nothing answers are left out.
    text_asks : bool
        Whether the queries are texts, and the answers images.
    is_searched : ndarray of bool of shape (n_answers,)
        Whether each answer can be found; the others are only learned from.
    asked : tuple of TextImage
        The queries themselves.
    """

    queries: np.ndarray
    answers: np.ndarray
    positives: np.ndarray
    text_asks: bool
    is_searched: np.ndarray
    asked: tuple[TextImage, ...] = ()

    @cached_property
    def pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """The positions of the query and of the answer of each pair."""
        query, answer = np.nonzero(self.positives)
        return query, answer

    def projections(self, query: Any, answer: Any) -> Projections:
        """Give the projections by their modality."""
        return Projections(query, answer) if self.text_asks else Projections(answer, query)

    def reciprocal_rank(self, projections: Projections) -> float:
        """Give the mean of one over the rank of the first answer, among all that is searched."""
        sides = (projections.text, projections.image)
        query, answer = sides if self.text_asks else sides[::-1]
        cosines = query(self.queries) @ answer(self.answers[self.is_searched]).T
        best = np.where(self.positives[:, self.is_searched], cosines, -np.inf).max(axis=1)
        ranks = 1 + (cosines > best[:, None]).sum(axis=1)
        return float((1 / ranks).mean())


class AlignedSearch(SearchMethod):
    """Frozen vectors of texts and images, projections into one space, and a search in it.

    Attributes
    ----------
    base_, image_base_ : Base
    predictor_ : CrossModalSearchPredictor
    chosen_params_ : dict
        What to set so that another fit needs no validation.
    facts_ : dict
    """

    name: ClassVar[str]
    Settings: ClassVar[type[MethodSettings]]
    collection: Collection | None
    base: Any
    image_base: Any
    top: int

    def __sklearn_tags__(self) -> Tags:
        """Tell scikit-learn what `X` is."""
        return TEXT_IMAGE.tags(super().__sklearn_tags__())

    def fit(
        self, X: Any, y: Any, *, validation: tuple[Any, Any] | None = None, listener: Listener = ignore
    ) -> Self:
        """Embed both sides, or look their vectors up, and learn the projections.

        Parameters
        ----------
        X : texts, or images
            Queries of one modality; the collection is of the other.
        y : sequence of str or of list of str
            The ids that answer each.

        Raises
        ------
        DataError
            If there is no collection.
        EmptyDataError
            If fewer than two queries have an answer in it.
        """
        self.Settings.of(self)
        if not isinstance(self.collection, Collection):
            raise DataError(
                f"{self.name} searches texts by images or images by texts, and was given no collection of them. Train "
                "it by the task retrieval, on rows with both."
            )
        self._resolve(X, self.collection)
        answers = self._answer_vectors(self.collection, listener)
        known = self._paired(X, y, self.collection, answers, listener)
        if len(known.queries) < 2:
            raise EmptyDataError(
                f"{self.name} learns from queries with their answers, and {len(known.queries)} of {len(X):,} have one "
                "in the collection. Add rows with a text and an image."
            )
        held = None
        if validation is not None:
            held = self._paired(*validation, self.collection, answers, listener)
        projections, chosen, facts = self._learn(known, held if held and len(held.queries) else None, listener)
        self._keep(self.collection, self._answers_as_learned(answers), projections, known)
        self.chosen_params_: dict[str, Any] = {
            "base": self.base_.name,
            "image_base": self.image_base_.name,
            **chosen,
        }
        self.facts_: dict[str, Any] = {
            "base": f"{self.base_.name}, {self.image_base_.name}",
            "texts": len(self.collection.searched),
            "pairs": int(known.positives.sum()),
            **facts,
        }
        return self

    def __sklearn_is_fitted__(self) -> bool:
        """Say whether a fit came to its end: one that a listener stopped has found its bases and no more."""
        return hasattr(self, "facts_")

    def predict(self, X: Any) -> list[list[str]]:
        """Give the ids of the best matches of each query, the best first."""
        check_is_fitted(self)
        ids: list[list[str]] = self.predictor_.predict(X).predicted
        return ids

    def measure(self, X: Any, y: Any = None) -> Cost:
        """Time some real texts and images and say what a fit costs here; nothing is learned."""
        began = time.perf_counter()
        texts, pictures = self._sides(as_queries(X))
        base, seeing = resolve_base(self.base, language=_language(texts)), image_base(self.image_base)
        some = texts[:: max(1, len(texts) // TIMED)][:TIMED]
        embed(base, some, cache=False)
        text_seconds = (time.perf_counter() - began) / len(some)
        seen, began = pictures[:: max(1, len(pictures) // TIMED)][:TIMED], time.perf_counter()
        network = load_image_network(seeing)
        with torch.inference_mode():
            network(torch.from_numpy(pixels_of(seen, network.preparation)))
        seconds = (time.perf_counter() - began) / len(seen)
        memory = psutil.Process().memory_info().rss + VECTOR_BYTES
        before = text_seconds * len(texts) + seconds * len(pictures) + self._learning_seconds(len(X))
        return Cost(seconds, 0.0, memory, seconds_before=before, seconds_per_answer=text_seconds)

    def export(self, folder: Path) -> None:
        """Leave the files that `predictors.composite.cross_modal_search` answers from."""
        check_is_fitted(self)
        self.predictor_.save(folder)
        exported = Exported(
            "onnx_bi_encoder.v1",
            self.name,
            self.base_,
            pooled(self._text_tower(), self.base_, unit_length=True),
            LabelDecoder(()),
            settings={"comparison": "cosine"},
        )
        sample = sample_of(self.base_, self._sample)
        export_graph(exported, folder / TEXT_FOLDER, sample=sample, precision="fp32")
        (folder / TEXT_FOLDER / HUGGING_FACE).replace(folder / HUGGING_FACE)
        seen = folder / IMAGE_FOLDER
        seen.mkdir()
        network = self._image_tower()
        write_image_graph(network, seen / MODEL_FILE, preparation=network.preparation)
        settings = {"kind": "onnx_image_vectors.v1", "name": self.name, "labels": [], "precision": "fp32"}
        write_settings(seen, {**settings, "preparation": network.preparation.as_settings()})

    def _learn(
        self, known: PairedVectors, held: PairedVectors | None, listener: Listener
    ) -> tuple[Projections, dict[str, Any], dict[str, Any]]:
        """Give the projections, the choices that were made, and facts."""
        raise NotImplementedError

    def _learning_seconds(self, n_queries: int) -> float:
        """Give what learning takes, once everything is embedded."""
        raise NotImplementedError

    def _text_tower(self) -> Any:
        """Give the encoder of texts that answers."""
        return load_model(self.base_)

    def _image_tower(self) -> Any:
        """Give the network of images that answers."""
        return load_image_network(self.image_base_)

    def _space(self, projections: Projections) -> CommonSpace:
        """Give what embeds texts and images into the common space."""
        return CommonSpace(FrozenTexts(self.base_), FrozenImages(self.image_base_), projections)

    def _answers_as_learned(self, answers: np.ndarray) -> np.ndarray:
        """Give the vectors of the collection by the encoders that answer, from those of the bases."""
        return answers

    def _sides(self, queries: Sequence[TextImage]) -> tuple[list[str], list[Picture]]:
        """Give the texts and the images, of queries and collection."""
        found = self.collection
        if isinstance(found, Collection) and found.pictures:
            return [query.text for query in queries], list(found.pictures)
        texts = list(found.texts) if isinstance(found, Collection) else []
        return texts, [query.picture for query in queries if query.picture is not None]

    def _resolve(self, X: Any, collection: Collection) -> None:
        texts, _ = self._sides(as_queries(X))
        self.base_ = resolve_base(self.base, language=_language(texts))
        self.image_base_ = image_base(self.image_base)
        self._sample = list(typical_rows(texts))

    def _answer_vectors(self, collection: Collection, listener: Listener) -> np.ndarray:
        if collection.pictures:
            return self._see(list(collection.pictures), listener)
        return self._read_texts(collection.texts, listener)

    def _paired(
        self, X: Any, y: Any, collection: Collection, answers: np.ndarray, listener: Listener
    ) -> PairedVectors:
        """Give each query that something answers once, and what answers it."""
        place_of = {name: place for place, name in enumerate(collection.ids)}
        found: dict[Any, tuple[TextImage, set[int]]] = {}
        for query, ids in zip(as_queries(X), as_relevant(y), strict=True):
            places = {place_of[name] for name in ids if name in place_of}
            key = query.text if collection.pictures else query.picture
            if places:
                found.setdefault(key, (query, set()))[1].update(places)
        positives = np.zeros((len(found), len(collection)), dtype=bool)
        for row, (_, places) in enumerate(found.values()):
            positives[row, sorted(places)] = True
        queries = [query for query, _ in found.values()]
        if not queries:
            vectors = np.empty((0, 0), np.float32)
        elif collection.pictures:
            vectors = self._read_texts([query.text for query in queries], listener)
        else:
            vectors = self._see([query.picture for query in queries if query.picture is not None], listener)
        is_searched = np.array([name not in collection.hidden for name in collection.ids])
        return PairedVectors(
            vectors, answers, positives, bool(collection.pictures), is_searched, tuple(queries)
        )

    def _read_texts(self, texts: Sequence[str], listener: Listener) -> np.ndarray:
        # Of length 1, and windows count by their direction: as the exported graph gives them.
        return of_length_one(embed(replace(self.base_, normalise=True), texts, listener=listener))

    def _see(self, pictures: Sequence[Picture], listener: Listener) -> np.ndarray:
        return embed_images(self.image_base_, pictures, listener=listener)

    def _keep(
        self, collection: Collection, answers: np.ndarray, projections: Projections, known: PairedVectors
    ) -> None:
        side = projections.image if known.text_asks else projections.text
        # As they come back from the disk, so that a search answers there as in memory.
        vectors = side(answers[known.is_searched]).astype(np.float16).astype(np.float32)
        space = self._space(projections)
        self.predictor_ = CrossModalSearchPredictor(
            collection.searched, vectors, space, top=self.top, name=self.name
        )


@dataclass(frozen=True)
class FrozenTexts:
    """Embeds texts by a base as it came."""

    base: Base

    def vectors(self, texts: Sequence[str]) -> np.ndarray:
        """Give the vector of each text, of length 1, an ndarray of float32 of shape (n_texts, hidden_size)."""
        return of_length_one(embed(replace(self.base, normalise=True), texts))


@dataclass(frozen=True)
class FrozenImages:
    """Embeds images by a base as it came."""

    base: Base

    def vectors(self, pictures: Sequence[Picture]) -> np.ndarray:
        """Give the vector of each image, an ndarray of float32 of shape (n_pictures, n_features)."""
        return embed_images(self.base, pictures)


def _language(texts: Sequence[str]) -> Any:
    return detect_language(texts).main_language
