"""Linear methods with the concepts of a knowledge graph as further features: each has to beat itself without them."""

from typing import Any, ClassVar

from pydantic import Field
from sklearn.utils import Tags

from metier.classical.linear_settings import RelationLinearSettings, TfidfLinearSettings
from metier.classical.relation_linear import RelationLinear
from metier.classical.tfidf_linear import TfidfLinear
from metier.fusion.with_knowledge import KnowledgeMethod
from metier.tasks.estimators import Classifier
from metier.tasks.inputs.marked_text import as_entity_pairs
from metier.tasks.method_contract import Capabilities, CostRank
from metier.tasks.method_settings import with_settings

KNOWLEDGE: Any = Field(
    default=None,
    description="File of the graph (OBO, CSV, N-Triples, RDF), or a folder with its tables, as `--knowledge` takes it.",
)


class TfidfKnowledgeSettings(TfidfLinearSettings):
    """The same with a knowledge graph."""

    knowledge: Any = KNOWLEDGE


class RelationKnowledgeSettings(RelationLinearSettings):
    """The same with a knowledge graph."""

    knowledge: Any = KNOWLEDGE


@with_settings(TfidfKnowledgeSettings)
class TfidfKnowledge(KnowledgeMethod, Classifier):
    """`TfidfLinear` with the concepts of a knowledge graph that a text names, and those above them, as further words.

    Pays where labels follow concepts that few rows name by the same word: "aspirin" and "ibuprofen" both stand under one
    concept. Needs `--knowledge`; shipped only where the paired test shows that it beats `TfidfLinear`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, in the order of the columns of `predict_proba`.
    chosen_params_ : dict
        `model`, `C` and `temperature`: what to set so that another fit needs no validation.
    facts_ : dict
        `concepts`: how many the graph has; `rows_with_concepts`: the fraction of the rows in which some is.
    """

    name = "tfidf_knowledge.v1"
    capabilities: ClassVar[Capabilities] = Capabilities(
        cost=CostRank.CLASSICAL, baseline="tfidf_linear.v1", learns_from_knowledge=True
    )

    def _member(self) -> TfidfLinear:
        params = {name: value for name, value in self.get_params(deep=False).items() if name != "knowledge"}
        return TfidfLinear(**params)


@with_settings(RelationKnowledgeSettings)
class RelationKnowledge(KnowledgeMethod, Classifier):
    """`RelationLinear` with the concepts of both entities as their types, and what the graph states between them.

    Pays where a graph knows the entities and the rows are few. Needs `--knowledge`; shipped only where the paired test
    shows that it beats `RelationLinear`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, in the order of the columns of `predict_proba`.
    chosen_params_ : dict
        `model`, `C` and `temperature`: what to set so that another fit needs no validation.
    facts_ : dict
        `concepts`: how many the graph has; `rows_with_concepts`: the fraction of the rows in which some is.
    """

    name = "relation_knowledge.v1"
    capabilities: ClassVar[Capabilities] = Capabilities(
        cost=CostRank.CLASSICAL, baseline="relation_linear.v1", learns_from_knowledge=True
    )
    of_pairs: ClassVar[bool] = True

    def __sklearn_tags__(self) -> Tags:
        """Tell scikit-learn that `X` is a list of marked texts."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string = False
        tags.input_tags.dict = True
        return tags

    def _read(self, X: Any) -> Any:
        return as_entity_pairs(X)

    def _member(self) -> RelationLinear:
        params = {name: value for name, value in self.get_params(deep=False).items() if name != "knowledge"}
        return RelationLinear(**params)
