"""The baseline of a search: what answered most often comes first, whatever is asked."""

from collections import Counter
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import Field
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from metier.predictors.fixed_ranking import FixedRankingPredictor
from metier.progress import Listener, ignore
from metier.tasks.collection import as_relevant, collection_of
from metier.tasks.estimators import SearchMethod
from metier.tasks.inputs import TEXT_IMAGE, read_any
from metier.tasks.method_contract import Capabilities, CostRank
from metier.tasks.method_settings import MethodSettings, with_settings


class PopularitySettings(MethodSettings):
    """Settings of a ranking by popularity."""

    collection: Any = Field(
        None, description="What is searched; None: the texts that are learned from, by their targets."
    )
    top: int = Field(10, ge=1, description="Most matches in an answer.")


@with_settings(PopularitySettings)
class Popularity(SearchMethod):
    """Ranks a collection by how often each of it answered in training, and equals in their order.

    What a search must beat: where every image is the answer to one text it finds by chance alone.

    Attributes
    ----------
    predictor_ : FixedRankingPredictor
    chosen_params_ : dict
        Empty: nothing is chosen.
    """

    name = "popularity.v1"
    capabilities: ClassVar[Capabilities] = Capabilities(cost=CostRank.BASELINE)

    def __sklearn_tags__(self) -> Tags:
        """Tell scikit-learn what `X` is."""
        return TEXT_IMAGE.tags(super().__sklearn_tags__())

    def fit(self, X: Any, y: Any, *, validation: Any = None, listener: Listener = ignore) -> Self:
        """Count the answers.

        Parameters
        ----------
        X : queries of any kind
        y : sequence of str or of list of str
            The ids that answer each.
        """
        self.Settings.of(self)
        collection = collection_of(self.collection, read_any(X), y).searched
        counts = Counter(name for ids in as_relevant(y) for name in ids)
        first = dict(zip(reversed(collection.ids), reversed(range(len(collection))), strict=True))
        order = sorted(first, key=lambda name: (-counts[name], first[name]))[: self.top]
        images = collection.images
        matches = [
            {"id": name, "text": collection.texts[first[name]], "score": counts[name] / max(1, len(y))}
            | ({"image": images[first[name]]} if images else {})
            for name in order
        ]
        self.predictor_ = FixedRankingPredictor(matches, name=self.name)
        self.chosen_params_: dict[str, Any] = {}
        self.facts_: dict[str, Any] = {"texts": len(collection)}
        return self

    def predict(self, X: Any) -> list[list[str]]:
        """Give the ids of the most frequent answers for each query."""
        check_is_fitted(self)
        ids: list[list[str]] = self.predictor_.predict(read_any(X)).predicted
        return ids

    def export(self, folder: Path) -> None:
        """Leave the file that `predictors.fixed_ranking` answers from."""
        check_is_fitted(self)
        self.predictor_.save(folder)
