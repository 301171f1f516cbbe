"""Frozen features of texts: the vectors that a part of the bundle gives, computed once and kept while an update runs."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from metier.bundles import Bundle
from metier.errors import CallError
from metier.features.random_maps import FeatureMap, Identity, SketchMap
from metier.features.tfidf import SparseRows
from metier.predictors.composite.members import member_folder
from metier.predictors.composite.updated_head import FEATURES_FOLDER, KIND, gives_vectors
from metier.predictors.evidence import EmbedsTexts
from metier.predictors.loading import load_predictor, read_settings
from metier.progress import Listener, Progress, ignore
from metier.storage import partial_file

TEXTS_AT_ONCE = 1_024
SKETCH_COLUMNS = 1_024


@dataclass(frozen=True)
class FeatureSource:
    """What gives vectors.

    Parameters
    ----------
    folder : Path
        Of the predictor, inside of the bundle.
    predictor : Predictor
    map : FeatureMap
        Applied to what the predictor gives: a sketch of TF-IDF, whose heads would be of millions of weights.
    kept_in : Path or None
        Folder of vectors that were computed before an interruption.
    """

    folder: Path
    predictor: Any
    map: FeatureMap
    kept_in: Path | None = None

    @property
    def is_sketch(self) -> bool:
        """Whether heads see less than the predictor does."""
        return isinstance(self.map, SketchMap)

    def vectors(self, texts: Sequence[str], *, listener: Listener = ignore) -> np.ndarray:
        """Give an ndarray of float32 of shape (n_texts, n_features)."""
        parts = []
        for start in range(0, len(texts), TEXTS_AT_ONCE):
            listener(Progress("computing features", start, len(texts)))
            parts.append(self._part(texts[start : start + TEXTS_AT_ONCE]))
        if not parts:
            return self.vectors(["-"])[:0]
        listener(Progress("computing features", len(texts), len(texts)))
        return np.vstack(parts)

    def _part(self, texts: Sequence[str]) -> np.ndarray:
        path = None if self.kept_in is None else self.kept_in / f"{self._digest(texts)}.safetensors"
        if path is not None and (known := _read(path)) is not None:
            return known
        found = self.predictor.evidence(texts)[1].vectors
        dense = np.ascontiguousarray(self.map(found), dtype=np.float32)
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            with partial_file(path, durable=False) as partial:
                save_file({"vectors": dense}, partial)
        return dense

    def _digest(self, texts: Sequence[str]) -> str:
        found = hashlib.blake2b(digest_size=16)
        for path in sorted(self.folder.glob("*")):
            if path.is_file() and path.suffix in (".json", ".onnx", ".safetensors"):
                found.update(f"{path.name}:{path.stat().st_size}\n".encode())
        for text in texts:
            found.update(text.encode("utf-8", "surrogatepass") + b"\0")
        return found.hexdigest()


def feature_source(bundle: Bundle, *, kept_in: Path | None = None) -> FeatureSource:
    """Find what gives vectors inside of a bundle; an encoder rather than TF-IDF.

    Raises
    ------
    CallError
        If nothing does.
    """
    found = _sources(bundle.folder, kept_in)
    if not found:
        raise CallError(
            f"{bundle.folder} ({bundle.name}) has no part that gives vectors of texts, so its head cannot be updated. Take "
            "a candidate of the run that has: frozen_linear, encoder, static or tfidf_linear."
        )
    return _best(found)


def feature_source_of(folder: Path) -> FeatureSource:
    """Give what `feature_source` would find in the folder of a predictor of the same kind."""
    return _best(_sources(folder, None))


def _sources(folder: Path, kept_in: Path | None) -> list[FeatureSource]:
    return [FeatureSource(place, one, _map_of(one), kept_in) for place, one in _inside(folder)]


def _best(found: list[FeatureSource]) -> FeatureSource:
    return max(found, key=lambda one: isinstance(one.predictor, EmbedsTexts) and one.predictor.embeds_texts)


def _map_of(predictor: Any) -> FeatureMap:
    """Give what makes dense rows of what a predictor gives; the same for the same vocabulary, always."""
    vectors = predictor.evidence(["-"])[1].vectors
    if isinstance(vectors, SparseRows):
        return SketchMap.drawn(vectors.shape[1], n_buckets=SKETCH_COLUMNS, random_state=0)
    return Identity()


def _inside(folder: Path) -> Iterable[tuple[Path, Any]]:
    """Give the folders of a predictor, at any depth, whose vectors a head can stand on."""
    settings = read_settings(folder)
    if settings["kind"] == KIND:
        yield from _inside(folder / FEATURES_FOLDER)
        return
    members = settings.get("members") or settings.get("stages", ())
    for entry in members:
        yield from _inside(member_folder(folder, entry))
    if not members and gives_vectors(predictor := load_predictor(folder)):
        yield folder, predictor


def _read(path: Path) -> np.ndarray | None:
    try:
        found: np.ndarray = load_file(path)["vectors"]
        return found
    except (OSError, KeyError, SafetensorError):
        return None
