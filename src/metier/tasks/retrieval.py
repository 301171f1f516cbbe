"""Retrieval: the passages of a collection that answer a query, the best first.

What is searched and what is learned are two things. The passages of a file of queries and answers are searched
whole, those of validation and test rows included: a help desk knows all its answers, and what it does not know is
what will be asked. Which query belongs to which passage is learned from the training rows alone. Where rows have a
label instead of a passage, they search one another, and only rows that were learned from are there to be found.

Across modalities the roles say which way: of rows with a text and an image the text asks and images are found; of rows
with an image and `text_pair` the image asks and texts are found.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

from metier.errors import DataError, EmptyDataError, MissingLabelError, MissingSideError
from metier.tasks.answers.kind import AnswerKind
from metier.tasks.answers.ranking import RANKING
from metier.tasks.collection import Collection, FoundImage, passage_id
from metier.tasks.inputs import IMAGE, TEXT, TEXT_IMAGE, InputKind
from metier.tasks.task import PlainTask, TaskRecord
from metier.tasks.text_pair import find_match_label

if TYPE_CHECKING:  # What answers needs a task's words, never the rows' Arrow.
    from metier.data.rows import Rows

NAME = "retrieval"
METRICS = ("mean_reciprocal_rank", "recall_at_1", "recall_at_5", "recall_at_10")
# What answers a query, from the most telling to the least.
ANSWER_ROLES = ("text_pair", "target", "label")
TEXT_ROLES = ("text_pair", "target")
SHOWN = 3


@dataclass(frozen=True)
class Retrieval(PlainTask):
    """The task of finding what answers a query.

    A target is the list of the ids that answer; an answer is the ranking, ids again. The id of a passage comes
    from its words (`tasks.collection.passage_id`), that of a labelled row is its label.

    Parameters
    ----------
    answer_role : {"text_pair", "target", "image", "label"}
        The column of the passages, or of the images that a text finds; `label`: rows of the query's label answer it.
    collection : Collection or None
        What is searched; None: the rows that are learned from.
    primary_metric : {"mean_reciprocal_rank"}
        What candidates are ranked by: the mean of one over the rank of the first answer, 0 where none of the ten
        that are given answers.
    input : InputKind
        The form of queries: texts, images, or either where images are searched.
    """

    answer_role: str = "text_pair"
    collection: Collection | None = None
    primary_metric: str = "mean_reciprocal_rank"
    input: InputKind = TEXT  # type: ignore[assignment]  # A property of tasks that have one input.
    name: ClassVar[str] = NAME
    metrics: ClassVar[tuple[str, ...]] = METRICS
    labels: ClassVar[tuple[str, ...]] = ()
    answer: ClassVar[AnswerKind] = RANKING

    @classmethod
    def from_rows(cls, rows: "Rows") -> Self:
        """See where the answers stand, and gather them.

        Raises
        ------
        MissingLabelError
            If no column answers.
        MissingSideError
            If a query or a passage is blank.
        EmptyDataError
            If every query is answered by the same.
        """
        task = cls._of_images(rows) if rows.has_images else cls._of_texts(rows)
        task.items(rows)
        different = {tuple(ids) for ids in task.targets(rows)}
        if len(different) < 2:
            raise EmptyDataError(
                f"All {len(rows):,} queries of {rows.origin} have the same answer, so there is nothing to "
                "learn. Add rows with other answers."
            )
        return task

    @classmethod
    def _of_texts(cls, rows: "Rows") -> Self:
        role = next((role for role in ANSWER_ROLES if role in rows.roles.named), None)
        if role is None:
            raise MissingLabelError(
                f"{rows.origin} has no column with what answers a query; it has: "
                f"{', '.join(rows.table.column_names)}. Name it with --role text_pair=COLUMN, or --label."
            )
        return cls(role) if role == "label" else cls(role).searching(passages(rows, role))

    @classmethod
    def _of_images(cls, rows: "Rows") -> Self:
        role = next((role for role in TEXT_ROLES if role in rows.roles.named), None)
        if role is None and rows.has_texts:
            return cls("image", Collection.of_images(images_of(rows)), input=TEXT_IMAGE)
        if role is None or rows.has_texts:
            raise DataError(
                f"Between the texts and the images of {rows.origin} it is not clear what asks and what is found. Name "
                "the two with --text COLUMN --role image=COLUMN, and a text finds images; or with --role image=COLUMN "
                "--role text_pair=COLUMN, and an image finds texts."
            )
        return cls(role, input=IMAGE).searching(passages(rows, role))

    @classmethod
    def restored(cls, facts: TaskRecord) -> Self:
        """Give the task of a sealed model, which has its collection itself."""
        if tuple(facts.input_keys) == TEXT_IMAGE.keys:
            return cls("image", Collection.of_images([]), input=TEXT_IMAGE)
        role = next((role for role in ANSWER_ROLES if role in facts.roles), cls.answer_role)
        return cls(role, input=IMAGE if tuple(facts.input_keys) == IMAGE.keys else TEXT)

    def searching(self, texts: Iterable[str]) -> Self:
        """Give the task with further passages to be searched; where rows search one another nothing is added."""
        if self.answer_role in ("label", "image"):
            return self
        before = () if self.collection is None else self.collection.texts
        return replace(self, collection=Collection.of_passages([*before, *texts]))

    def with_rows(self, *parts: "Rows") -> Self:
        """Give the task with the passages of other rows to be searched, too; of labelled rows there are none.

        Images that were learned from with a text which other rows ask again are searched no more: a method would only
        have to know them by heart, and they would stand before the images that it never saw.
        """
        if self.answer_role == "label":
            return self
        if self.answer_role != "image":
            return self.searching(text for rows in parts for text in passages(rows, self.answer_role))
        asked = {text for rows in parts if rows.has_texts for text in rows.texts}
        before = [] if self.collection is None else self.collection.found_images
        fresh = [image for rows in parts for image in images_of(rows)]
        hidden = {image.id for image in before if image.text in asked} - {image.id for image in fresh}
        return replace(self, collection=Collection.of_images([*before, *fresh], hidden=frozenset(hidden)))

    def items(self, rows: "Rows") -> Sequence[Any]:
        """Give the queries; raises MissingSideError where one is blank."""
        if self.input is IMAGE:
            return IMAGE.from_rows(rows)
        queries: list[str] = list(rows.texts)
        if self.answer_role != "label":
            _check_not_blank(queries, "text", rows)
        return [{"text": query} for query in queries] if self.answer_role == "image" else queries

    def targets(self, rows: "Rows") -> list[list[str]]:
        """Give the ids that answer each row's query; a query in several rows has the answers of all of them.

        Where pairs are labelled, only those that match answer; a query that nothing answers has an empty list and
        counts in no figure.
        """
        if self.answer_role == "label":
            return [[label] for label in rows.labels]
        answers: dict[str, set[str]] = {}
        queries = list(rows.texts)
        if self.answer_role == "image":
            return _images_that_answer(queries, rows)
        texts = rows.values(self.answer_role)
        for query, passage, matches in zip(queries, texts, _are_matches(rows, self.answer_role), strict=True):
            answers.setdefault(query, set()).update([passage_id(passage)] if matches else [])
        return [sorted(answers[query]) for query in queries]

    def shown(self, ids: Sequence[str]) -> str:
        """Give ids in words: the first passages of them, or the labels."""
        if self.collection is None:
            return ", ".join(ids[:SHOWN])
        shown = self.collection.images or self.collection.texts
        text_of = dict(zip(self.collection.ids, shown, strict=True))
        return " · ".join(text_of.get(name, name) for name in ids[:SHOWN]) or "nothing"

    def facts(self) -> dict[str, Any]:
        """What a report states of the task besides its name."""
        size = None if self.collection is None else len(self.collection.searched)
        return {"answer_role": self.answer_role, "collection_texts": size}


def passages(rows: "Rows", role: str) -> list[str]:
    """Give the passage of each row; raises MissingSideError where one is blank."""
    found: list[str] = rows.values(role)
    _check_not_blank(found, role, rows)
    return found


def images_of(rows: "Rows") -> list[FoundImage]:
    """Give the image of each row that has one, with the text beside it; where no row has texts that is its name."""
    return [image for image in image_of_each(rows) if image is not None]


def image_of_each(rows: "Rows") -> list[FoundImage | None]:
    """Give the image of each row with the text beside it; None where it has none."""
    named = zip(rows.texts, rows.column("image"), rows.image_contents, rows.pictures, strict=True)
    return [
        None if picture is None else FoundImage(text, passage_id(content), name, picture)
        for text, name, content, picture in named
    ]


def _images_that_answer(queries: Sequence[str], rows: "Rows") -> list[list[str]]:
    """Give the images of each text: of the rows that have it, and of those in the same group."""
    named = rows.column("group") if rows.roles.group is not None else [None] * len(queries)
    groups = [("", query) if group is None else group for group, query in zip(named, queries, strict=True)]
    of_group: dict[Any, set[str]] = {}
    for group, image in zip(groups, image_of_each(rows), strict=True):
        of_group.setdefault(group, set()).update([] if image is None else [image.id])
    answers: dict[str, set[str]] = {}
    for query, group in zip(queries, groups, strict=True):
        answers.setdefault(query, set()).update(of_group[group])
    return [sorted(answers[query]) for query in queries]


def _are_matches(rows: "Rows", role: str) -> list[bool]:
    if role != "text_pair" or rows.roles.label is None:
        return [True] * len(rows)
    labels = rows.labels
    match = find_match_label(sorted(set(labels)))
    if match is None:
        raise DataError(
            f"None of the labels {', '.join(map(repr, sorted(set(labels))[:5]))} of {rows.origin} is known "
            "to mean a match. Rename that label to match, or leave the column out with --label none."
        )
    return [label == match for label in labels]


def _check_not_blank(texts: Sequence[str], side: str, rows: "Rows") -> None:
    blank = next((row for row, text in enumerate(texts, start=1) if not text.strip()), None)
    if blank is not None:
        raise MissingSideError(blank, side, origin=rows.origin)
