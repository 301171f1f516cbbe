"""Pipelines of a tagger and a relation method that are named: they come through the catalogue."""

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from metier import catalogue
from metier.errors import UnknownNameError
from metier.fusion.triples_pipeline import JoinedTriples
from metier.tasks.method_contract import Capabilities
from metier.tasks.method_settings import Declares, MethodSettings, with_settings
from metier.tasks.triples import BASELINE_PARTS, PARTS


class TriplesPipelineSettings(MethodSettings):
    """What a pipeline of a tagger and a relation method can be set to."""

    tagger: str = Field(default=PARTS[0], description="Method of the task ner that finds the entities.")
    relation: str = Field(
        default=PARTS[1],
        description="Method of the task relation that says how two of them are related.",
    )
    tagger_settings: Mapping[str, Any] | None = Field(default=None, description="Settings of the tagger.")
    relation_settings: Mapping[str, Any] | None = Field(
        default=None, description="Settings of the relation method."
    )
    threshold: float | None = Field(
        default=None, ge=0, le=1, description="Least probability of a triple; None: chosen on validation."
    )
    random_state: int = Field(
        default=0,
        ge=0,
        description="For the pairs without a relation that are learned from, where they are many.",
    )

    @classmethod
    def misfits(cls, values: Mapping[str, Any]) -> list[str]:
        """Refuse methods that do not exist, and settings that they do not have."""
        found = []
        for member in ("tagger", "relation"):
            try:
                method = catalogue.resolve(values[member])
            except UnknownNameError as error:
                found.append(f"{member} is {values[member]!r}, which is no method: {error}")
                continue
            faults = (
                method.Settings.faults(values[f"{member}_settings"] or {})
                if isinstance(method, Declares)
                else []
            )
            found += [f"{member}_settings: {fault}" for fault in faults]
        return found


class FrequentTriplesSettings(TriplesPipelineSettings):
    """The same of the baseline."""

    tagger: str = Field(
        default=BASELINE_PARTS[0], description="Method of the task ner that finds the entities."
    )
    relation: str = Field(
        default=BASELINE_PARTS[1],
        description="Method of the task relation that says how two of them are related.",
    )


@with_settings(TriplesPipelineSettings)
class TriplesPipeline(JoinedTriples):
    """Entities by a tagger, then a relation method about each pair of them that may have a relation.

    Any method of named entities and any of relations can be its two parts; both, what joins them and the threshold are
    one bundle. Which types of entity a relation may join, how far apart and whether in both directions is learned from
    the rows. A mistake of the tagger is not mended by the second part.

    Attributes
    ----------
    labels_ : tuple of str
        The relations.
    tagger_, relation_ : fitted methods
    rules_ : PairRules
    threshold_ : float
    chosen_params_ : dict
        What to set so that another fit needs no validation.
    facts_ : dict
        How many pairs were learned from, and how many of them have a relation.
    """

    name = "triples_pipeline.v1"
    capabilities: ClassVar[Capabilities] = Capabilities()
    tagger: str
    relation: str
    tagger_settings: Mapping[str, Any] | None
    relation_settings: Mapping[str, Any] | None

    def _members(self) -> tuple[Any, Any]:
        self.Settings.of(self)
        tagger = catalogue.resolve(self.tagger)(**(self.tagger_settings or {}))
        return tagger, catalogue.resolve(self.relation)(**(self.relation_settings or {}))

    def _chosen(self) -> dict[str, Any]:
        tagger = {**(self.tagger_settings or {}), **self.tagger_.chosen_params_}
        relation = {**(self.relation_settings or {}), **self.relation_.chosen_params_}
        return {"tagger_settings": tagger, "relation_settings": relation, "threshold": self.threshold_}


@with_settings(FrequentTriplesSettings)
class FrequentTriples(TriplesPipeline):
    """Entities of the training texts again, with the relation that they had most often there: the baseline.

    Entities are found by a dictionary; a pair has the relation that its two phrases had most often, or that of their
    types in this order. No word between them is read.

    Attributes
    ----------
    labels_ : tuple of str
        The relations.
    tagger_, relation_ : fitted methods
    rules_ : PairRules
    threshold_ : float
    chosen_params_ : dict
        What to set so that another fit needs no validation.
    facts_ : dict
        How many pairs were learned from, and how many of them have a relation.
    """

    name = "frequent_triples.v1"
