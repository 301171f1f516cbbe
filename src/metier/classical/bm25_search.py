"""Lexical search: texts that share rare words with the query come first."""

from pathlib import Path
from typing import Any, ClassVar, Self

from sklearn.utils.validation import check_is_fitted

from metier.predictors.composite.retrieve_rerank import (
    Finders,
    RetrieveRerankPredictor,
    SearchSettings,
    save_search,
)
from metier.progress import Listener, ignore
from metier.tasks.collection import Collection, collection_of
from metier.tasks.estimators import SearchMethod
from metier.tasks.method_contract import Capabilities
from metier.text.bm25 import Bm25
from metier.text.given_texts import as_texts


class Bm25Search(SearchMethod):
    """Texts of a collection by the words they share with a query, the rare ones more (BM25 [1]_).

    The search to beat: it learns nothing but how rare each word is, answers in microseconds, and finds names and
    numbers that vectors blur. It does not know two words for the same thing; `FrozenSearch` does.

    Parameters
    ----------
    collection : Collection, default=None
        What is searched; None: the texts that are learned from, by their targets.
    k1 : float, default=1.2
        Saturation of term frequency: how soon a repeated word adds nothing more; 0 counts a word once.
    b : float, default=0.75
        How much long texts are held back, 0 to 1.
    top : int, default=10
        Most matches in an answer.

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

    def __init__(
        self, *, collection: Collection | None = None, k1: float = 1.2, b: float = 0.75, top: int = 10
    ):
        self.collection = collection
        self.k1 = k1
        self.b = b
        self.top = top

    def fit(self, X: Any, y: Any, *, validation: Any = None, listener: Listener = ignore) -> Self:
        """Learn the words of the collection; which query belongs to which text teaches it nothing.

        Parameters
        ----------
        X : texts
            Queries.
        y : sequence of str or of list of str
            The ids that answer each.
        """
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
