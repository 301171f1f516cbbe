"""One label for two entities of a text; one label may mean that there is no relation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

from metier.tasks.answers.asking import RELATION_ASKING, Asking
from metier.tasks.answers.kind import Words
from metier.tasks.answers.label import Label
from metier.tasks.examples import Examples
from metier.tasks.inputs.marked_text import check_words_are_whole


@dataclass(frozen=True)
class RelationLabel(Label):
    """One relation a row: a label, whose metrics leave out the one that means none."""

    name: ClassVar[str] = "relation"
    marks_text: ClassVar[bool] = True
    why_not: ClassVar[Mapping[str, str]] = MappingProxyType(
        {"few_shot": "The name of a relation marks no two entities, so it is no row to learn from."}
    )
    asking: ClassVar[Asking | None] = RELATION_ASKING
    words: ClassVar[Words] = Words(
        "text-classification",
        "States which of {n} relations two marked parts of a text have.",
        always_answers=True,
    )

    def check(self, items: Sequence[Any], y: Any, *, known: Examples | None = None) -> Examples:
        """Number the labels of marked texts.

        Raises
        ------
        EntityError
            If entities cut words in more rows than typing mistakes explain.
        ValueError, MissingLabelError, TooFewLabelsError, UnknownLabelError
            As `Label.check` does.
        """
        check_words_are_whole(items)
        return super().check(items, y, known=known)


RELATION = RelationLabel()
