"""A method with what a knowledge graph knows of its rows: the concepts in a text, or those of two marked entities."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from metier.data.knowledge import KnowledgeGraph, read_knowledge
from metier.errors import SettingsError
from metier.features.concepts import ConceptFinder
from metier.fusion.composition import exported, place_member
from metier.predictors.composite.with_knowledge import CONCEPTS_FILE, save_settings, with_knowledge
from metier.progress import Listener, ignore

LEAST_FRACTION = 0.02  # Of the texts that a concept is found in; below it a graph is of another field.


class KnowledgeMethod:
    """Stands before one of the estimators of `tasks.estimators`; a special case gives the method (`_member`).

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    member_ : fitted method
    finder_ : ConceptFinder
    chosen_params_ : dict
        What to set so that another fit needs no validation.
    facts_ : dict
        `concepts`: how many the graph has; `rows_with_concepts`: the fraction of the rows in which some is.
    """

    name: ClassVar[str]
    of_pairs: ClassVar[bool] = False
    knowledge: Any

    def fit(
        self, X: Any, y: Any, *, validation: tuple[Any, Any] | None = None, listener: Listener = ignore
    ) -> Self:
        """Learn from items with what the graph knows of them."""
        graph = self._graph()
        self.finder_ = ConceptFinder.of(graph)
        items = self._known(X)
        held = None if validation is None else (self._known(validation[0]), validation[1])
        self.member_ = clone(self._member()).fit(items, y, validation=held, listener=listener)
        self.classes_ = self.member_.classes_
        self.chosen_params_ = dict(self.member_.chosen_params_)
        found = [bool(self.finder_.found(text)) for text in self._texts(X)]
        self.facts_ = {"concepts": len(graph), "rows_with_concepts": float(np.mean(found))}
        return self

    def why_not(self, X: Sequence[Any], y: Sequence[Any]) -> str | None:
        """Say that hardly a row names a concept; None: enough do."""
        if self.knowledge is None:
            return "it needs a knowledge graph; give one with --knowledge"
        finder = ConceptFinder.of(self._graph())
        texts = self._texts(X)[:2_000]
        found = float(np.mean([bool(finder.found(text)) for text in texts]))
        if found >= LEAST_FRACTION:
            return None
        return (
            f"only {100 * found:.1f} % of the rows name a concept of the knowledge graph; name it in --candidates to train "
            "it anyway"
        )

    def export(self, folder: Path) -> None:
        """Leave the files that `predictors.composite.with_knowledge` answers from."""
        check_is_fitted(self)
        with exported([self.member_], beside=folder) as folders:
            stage = place_member(folders[0], folder, "stages/member")
        self.finder_.save(folder / CONCEPTS_FILE)
        labels = [str(label) for label in self.classes_]
        save_settings(folder, name=self.name, labels=labels, stage=stage, of_pairs=self.of_pairs)

    def _member(self) -> Any:
        """Give the method, unfitted."""
        raise NotImplementedError

    def _graph(self) -> KnowledgeGraph:
        if isinstance(self.knowledge, KnowledgeGraph):
            return self.knowledge
        if self.knowledge is None:
            raise SettingsError(
                ["knowledge is None, expected the file of a knowledge graph; give one with --knowledge FILE"],
                origin=f"The settings of {self.name}",
            )
        return read_knowledge(self.knowledge)

    def _known(self, X: Any) -> list[Any]:
        return with_knowledge(self._read(X), self.finder_, of_pairs=self.of_pairs)  # type: ignore[attr-defined]

    def _texts(self, X: Any) -> list[str]:
        return [item["text"] if self.of_pairs else item for item in self._read(X)]  # type: ignore[attr-defined]

    def _probabilities(self, items: Any) -> np.ndarray:
        known = with_knowledge(items, self.finder_, of_pairs=self.of_pairs)
        return np.asarray(self.member_.predict_proba(known))
