"""Dense search: the texts with the nearest embeddings, by the frozen base."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from metier.bases.base import Base
from metier.bases.huggingface_folder import load_model
from metier.bases.known_bases import resolve_base
from metier.export.graph_export import Exported, export_graph, pooled, sample_of, typical_rows
from metier.predictors.composite.retrieve_rerank import (
    RETRIEVER_FOLDER,
    Finders,
    RetrieveRerankPredictor,
    SearchSettings,
    as_kept,
    save_search,
)
from metier.progress import Listener, ignore
from metier.tasks.answers.label import LabelDecoder
from metier.tasks.collection import Collection, collection_of
from metier.tasks.estimators import SearchMethod
from metier.tasks.method_contract import Capabilities, CostRank
from metier.tasks.method_settings import with_settings
from metier.text.given_texts import as_texts
from metier.text.language import detect_language
from metier.transformer.frozen.frozen_settings import FrozenSearchSettings
from metier.transformer.frozen.frozen_vectors import ReadsByFrozenBase, frozen_vectors

HUGGING_FACE = "huggingface"


@dataclass(frozen=True)
class FrozenEncoder:
    """Embeds queries by a base as it came."""

    base: Base

    def vectors(self, texts: Sequence[str]) -> np.ndarray:
        """Give the vector of each text, of length 1, an ndarray of float32 of shape (n_texts, hidden_size)."""
        return frozen_vectors(self.base, texts)


@with_settings(FrozenSearchSettings)
class FrozenSearch(ReadsByFrozenBase, SearchMethod):
    """Dense retrieval by the cosine of embeddings of a pretrained encoder; nothing is trained.

    Finds paraphrases, and with a multilingual base texts in another language. Needs no pairs of query and answer;
    with some hundred of them `SearchEncoder` learns what matches in this data set.

    Attributes
    ----------
    base_ : Base
    predictor_ : RetrieveRerankPredictor
    chosen_params_ : dict
        The base that was used.
    """

    name = "frozen_search.v1"
    capabilities: ClassVar[Capabilities] = Capabilities(cost=CostRank.FROZEN, needs_base=True)

    def fit(self, X: Any, y: Any, *, validation: Any = None, listener: Listener = ignore) -> Self:
        """Embed the collection, or look its vectors up.

        Parameters
        ----------
        X : texts
            Queries.
        y : sequence of str or of list of str
            The ids that answer each.
        """
        FrozenSearchSettings.of(self)
        queries = as_texts(X)
        collection = collection_of(self.collection, queries, y)
        self.base_ = resolve_base(self.base, language=detect_language(collection.texts).main_language)
        vectors = as_kept(frozen_vectors(self.base_, collection.texts, listener=listener))
        self.predictor_ = by_vectors(
            collection, FrozenEncoder(self.base_), vectors, top=self.top, name=self.name
        )
        self.chosen_params_: dict[str, Any] = {"base": self.base_.name}
        self.facts_: dict[str, Any] = {"base": self.base_.name, "texts": len(collection)}
        self._sample = list(typical_rows(collection.texts))
        return self

    def export(self, folder: Path) -> None:
        """Leave the files that `predictors.composite.retrieve_rerank` answers from, and a Hugging Face folder."""
        check_is_fitted(self)
        save_search(folder, self.predictor_)
        exported = Exported(
            "onnx_bi_encoder.v1",
            self.name,
            self.base_,
            pooled(load_model(self.base_), self.base_, unit_length=True),
            LabelDecoder(()),
            settings={"comparison": "cosine"},
        )
        sample = sample_of(self.base_, self._sample)
        export_graph(exported, folder / RETRIEVER_FOLDER, sample=sample, precision=self.precision)
        bring_up(folder)


def by_vectors(
    collection: Collection, encoder: Any, vectors: np.ndarray, *, top: int, name: str
) -> RetrieveRerankPredictor:
    """Make a search of an encoder and the vectors it gave a collection."""
    settings = SearchSettings(top=top, ways=("vectors",), reranks=False)
    finders = Finders(retriever=encoder, vectors=vectors)
    return RetrieveRerankPredictor(collection, finders, settings, name=name)


def bring_up(folder: Path) -> None:
    """Put the Hugging Face folder of the retriever beside it, where that of every method is: nothing serves it."""
    inside = folder / RETRIEVER_FOLDER / HUGGING_FACE
    if inside.is_dir():
        inside.replace(folder / HUGGING_FACE)
