"""Search by words: what shares rare words with the query comes first."""

from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import Field
from sklearn.utils.validation import check_is_fitted

from metier.predictors.composite.retrieve_rerank import (
    Finders,
    RetrieveRerankPredictor,
    SearchSettings,
    save_search,
)
from metier.progress import Listener, ignore
from metier.tasks.collection import collection_of
from metier.tasks.estimators import SearchMethod
from metier.tasks.method_contract import Capabilities
from metier.tasks.method_settings import MethodSettings, with_settings
from metier.text.bm25 import Bm25
from metier.text.given_texts import as_texts


class Bm25Settings(MethodSettings):
    """Settings of a search by words."""

    collection: Any = Field(
        None, description="What is searched; None: the texts that are learned from, by their targets."
    )
    k1: float = Field(
        1.2,
        ge=0,
        description="Saturation of term frequency: how soon a repeated word adds nothing more; 0 counts a word once.",
    )
    b: float = Field(0.75, ge=0, le=1, description="How much long texts are held back, 0 to 1.")
    top: int = Field(10, ge=1, description="Most matches in an answer.")


@with_settings(Bm25Settings)
class Bm25Search(SearchMethod):
    """Texts of a collection by the words they share with a query, the rare ones more (BM25 [1]_).

    The baseline of retrieval: it learns only how rare each word is, answers in microseconds, and finds names and
    numbers that embeddings blur. It does not know synonyms; `FrozenSearch` does.

    Attributes
    ----------
    predictor_ : RetrieveRerankPredictor
    chosen_params_ : dict
        Empty: nothing is chosen.

    References
    ----------
    .. [1] Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009.
    """

    name = "bm25.v1"
    capabilities: ClassVar[Capabilities] = Capabilities()

    def fit(self, X: Any, y: Any, *, validation: Any = None, listener: Listener = ignore) -> Self:
        """Learn the words of the collection; which query belongs to which text teaches it nothing.

        Parameters
        ----------
        X : texts
            Queries.
        y : sequence of str or of list of str
            The ids that answer each.
        """
        self.Settings.of(self)
        collection = collection_of(self.collection, as_texts(X), y)
        words = Bm25(k1=self.k1, b=self.b).fit(collection.texts)
        settings = SearchSettings(top=self.top, ways=("words",), reranks=False)
        self.predictor_ = RetrieveRerankPredictor(collection, Finders(words), settings, name=self.name)
        self.chosen_params_: dict[str, Any] = {}
        self.facts_: dict[str, Any] = {"texts": len(collection)}
        return self

    def export(self, folder: Path) -> None:
        """Leave the files that `predictors.composite.retrieve_rerank` answers from."""
        check_is_fitted(self)
        save_search(folder, self.predictor_)
