"""The tasks by their names, and which methods are compared for each when no candidates are named.

A task of known kinds is added with one file in this folder and one row here, or by a plug-in: an entry point of the
group `metier.tasks`, whose name is the task's and whose value leads to a `TaskRow`. Its methods are rows of the
catalogue.
"""

import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from metier.errors import UnknownNameError
from metier.tasks.answers import ANSWERS

if TYPE_CHECKING:  # What answers needs a task's words, never the rows' Arrow.
    from metier.data.rows import Rows

ORDERED = "ordinal"  # The task that an order of the labels asks for.
# Old names, which settings, runs and sealed bundles still have.
ALIASES = {
    "many_labels": "multi_label",
    "grading": "ordinal",
    "scoring": "regression",
    "tagging": "ner",
    "answering": "extractive_qa",
    "matching": "text_pair",
    "image_classification": "classification",
}
# From the most specific to the least: spans or answers are never there by chance, a label may be.
_SIGNS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("triples", ("spans", "relations")),
    ("ner", ("spans",)),
    ("extractive_qa", ("question", "answers")),
    ("relation", ("head", "tail", "label")),
    ("multi_label", ("labels",)),
    ("transcription", ("audio", "target")),
    ("generation", ("target",)),
    ("text_pair", ("text_pair", "label")),
    ("regression", ("score",)),
    ("classification", ("label",)),
    # Without a target, the inputs still show the task.
    ("extractive_qa", ("question",)),
    ("relation", ("head", "tail")),
    ("generation", ("messages",)),
    # Two texts without a label: a query and its answer.
    ("retrieval", ("text_pair",)),
)


@dataclass(frozen=True)
class TaskRow:
    """A task of the table.

    Parameters
    ----------
    where : str
        Dotted path of its class.
    answer : str
        The kind of its answers, as `ANSWERS` has it.
    candidates : tuple of str
        The methods that are compared by default on texts, or on what the task asks; cheap first.
    beside_texts : mapping of str to tuple of str
        The methods that are compared by default where rows ask something else, by the name of the input kind.
    asks : str
        The kind of its questions about texts, as `INPUTS` names it.
    learn_from_unlabelled : mapping of str to str
        The methods that unlabelled rows add, in the order of their cost, and the supervised counterpart of each.
    students : tuple of str
        The methods that an ensemble can be taught to, the best first: one that was trained is taken.
    why_not : mapping of str to str
        The ways of learning that make no sense for it besides those of its kind of answers, and why not (`tasks.ways`).
    with_knowledge : mapping of str to str
        The methods that a knowledge graph adds, and the same method without it.
    """

    where: str
    answer: str
    candidates: tuple[str, ...]
    beside_texts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    asks: str = "text"
    learn_from_unlabelled: Mapping[str, str] = field(default_factory=dict)
    students: tuple[str, ...] = ()
    why_not: Mapping[str, str] = field(default_factory=dict)
    with_knowledge: Mapping[str, str] = field(default_factory=dict)

    @property
    def ensembles(self) -> tuple[str, ...]:
        """What is made of the candidates afterwards, on their validation answers: what suits the kind of answers."""
        return ANSWERS[self.answer].ensembles

    @property
    def further_ensembles(self) -> tuple[str, ...]:
        """What can be made of the candidates besides, where it is named."""
        return ANSWERS[self.answer].further_ensembles

    @property
    def methods(self) -> tuple[str, ...]:
        """What is compared by default on rows of any kind of input."""
        every = (*self.candidates, *(name for names in self.beside_texts.values() for name in names))
        return tuple(dict.fromkeys(every))

    def candidates_on(self, input_name: str) -> tuple[str, ...]:
        """Give what is compared by default on rows of a kind of input, as `INPUTS` names it."""
        return self.beside_texts.get(input_name, self.candidates)


def _taught_by(itself: str | None, encoder: str) -> dict[str, str]:
    """Give the methods that teach by unlabelled rows: one that teaches itself, and two that train an encoder."""
    own = {} if itself is None else {"pseudo_labels.v1": itself}
    return {**own, "domain_pretraining.v1": encoder, "consistency.v1": encoder}


TASKS: dict[str, TaskRow] = {
    "classification": TaskRow(
        "metier.tasks.classification:Classification",
        "label",
        ("majority.v1", "tfidf_linear.v1", "static.v1", "frozen_linear.v1", "few_shot.v1", "encoder.v1"),
        beside_texts={
            "image": ("majority.v1", "frozen_image.v1", "image_encoder.v1"),
            "text_image": (
                *("majority.v1", "tfidf_linear.v1", "frozen_linear.v1", "encoder.v1"),
                *("frozen_image.v1", "joint.v1"),
            ),
        },
        learn_from_unlabelled={
            "self_training.v1": "frozen_linear.v1",
            "pretrained_encoder.v1": "encoder.v1",
            "consistency_encoder.v1": "encoder.v1",
        },
        students=("encoder.v1", "tfidf_linear.v1"),
        with_knowledge={"tfidf_knowledge.v1": "tfidf_linear.v1"},
    ),
    "multi_label": TaskRow(
        "metier.tasks.multi_label:MultiLabel",
        "label_set",
        (
            "label_frequencies.v1",
            "many_labels_linear.v1",
            "frozen_many_labels.v1",
            "many_labels_encoder.v1",
        ),
        beside_texts={
            "image": ("label_frequencies.v1", "frozen_image_labels.v1", "image_labels_encoder.v1"),
            "text_image": (
                *("label_frequencies.v1", "many_labels_linear.v1", "frozen_many_labels.v1"),
                *("joint_label_sets.v1", "many_labels_encoder.v1"),
            ),
        },
        learn_from_unlabelled=_taught_by("frozen_many_labels.v1", "many_labels_encoder.v1"),
        students=("many_labels_encoder.v1",),
    ),
    "ordinal": TaskRow(
        "metier.tasks.ordinal:Ordinal",
        "grade",
        (
            "majority.v1",
            "tfidf_linear.v1",
            "ordinal_logistic.v1",
            "frozen_linear.v1",
            "encoder.v1",
            "corn_encoder.v1",
        ),
        beside_texts={
            "image": ("majority.v1", "frozen_image.v1", "image_encoder.v1", "image_grades_encoder.v1"),
            "text_image": (
                *("majority.v1", "tfidf_linear.v1", "ordinal_logistic.v1", "frozen_linear.v1"),
                *("joint.v1", "encoder.v1", "corn_encoder.v1"),
            ),
        },
        learn_from_unlabelled=_taught_by("frozen_linear.v1", "corn_encoder.v1"),
        students=("corn_encoder.v1",),
    ),
    "regression": TaskRow(
        "metier.tasks.regression:Regression",
        "score",
        ("ridge.v1", "frozen_ridge.v1", "score_encoder.v1"),
        beside_texts={
            "image": ("frozen_image_ridge.v1", "image_score_encoder.v1"),
            "text_image": ("ridge.v1", "frozen_ridge.v1", "joint_ridge.v1", "score_encoder.v1"),
        },
        asks="text_or_pair",
        learn_from_unlabelled=_taught_by(None, "score_encoder.v1"),
        students=("score_encoder.v1", "ridge.v1"),
    ),
    "ner": TaskRow(
        "metier.tasks.ner:NamedEntities",
        "spans",
        ("dictionary_tagger.v1", "crf.v1", "token_encoder.v1"),
        learn_from_unlabelled=_taught_by("crf.v1", "token_encoder.v1"),
        students=("token_encoder.v1",),
    ),
    "relation": TaskRow(
        "metier.tasks.relation:Relation",
        "relation",
        ("majority.v1", "relation_linear.v1", "relation_encoder.v1"),
        asks="marked_text",
        learn_from_unlabelled=_taught_by("relation_linear.v1", "relation_encoder.v1"),
        students=("relation_encoder.v1", "relation_linear.v1"),
        with_knowledge={"relation_knowledge.v1": "relation_linear.v1"},
    ),
    "triples": TaskRow(
        "metier.tasks.triples:Triples", "triples", ("frequent_triples.v1", "triples_pipeline.v1")
    ),
    "extractive_qa": TaskRow(
        "metier.tasks.extractive_qa:ExtractiveQa",
        "passage_answer",
        ("passage_phrase.v1", "reader.v1"),
        asks="question",
        learn_from_unlabelled={"pseudo_labels.v1": "reader.v1", "domain_pretraining.v1": "reader.v1"},
    ),
    "text_pair": TaskRow(
        "metier.tasks.text_pair:TextPair",
        "label",
        ("majority.v1", "pair_linear.v1", "frozen_pair.v1", "bi_encoder.v1", "cross_encoder.v1"),
        beside_texts={"pair_image": ("majority.v1", "pair_linear.v1", "frozen_pair.v1", "joint_pair.v1")},
        asks="pair",
        learn_from_unlabelled=_taught_by("frozen_pair.v1", "cross_encoder.v1"),
        students=("cross_encoder.v1", "pair_linear.v1"),
        why_not={
            "few_shot": "The name of a label says nothing of two texts, so it is no pair to learn from.",
            "weak_labels": "Whether two texts match lies between them, and a rule of words sees each of them alone.",
        },
    ),
    "retrieval": TaskRow(
        "metier.tasks.retrieval:Retrieval",
        "ranking",
        ("bm25.v1", "frozen_search.v1", "search_encoder.v1"),
        beside_texts=dict.fromkeys(
            ("image", "text_image"), ("popularity.v1", "aligned_linear.v1", "aligned.v1")
        ),
        learn_from_unlabelled={"domain_pretraining.v1": "search_encoder.v1"},
    ),
    "generation": TaskRow(
        "metier.tasks.generation:Generation",
        "written_text",
        ("lead.v1", "textrank.v1", "nearest_reply.v1", "sentence_ranker.v1", "generator.v1"),
        asks="conversation",
        learn_from_unlabelled={"pretrained_generator.v1": "generator.v1"},
    ),
    "transcription": TaskRow(
        "metier.tasks.transcription:Transcription", "transcript", ("frozen_speech.v1", "speech_lora.v1")
    ),
}


def task_name(name: str) -> str:
    """Give the name of a task by its name or its old one."""
    return ALIASES.get(name, name)


def alias_note(name: str) -> str | None:
    """Give the sentence that names the new name of an old one; None where a name is not old."""
    return f"task = {ALIASES[name]}: {name} is its old name" if name in ALIASES else None


def tasks() -> Mapping[str, TaskRow]:
    """Give the rows of all tasks, ours and those of plug-ins."""
    points = [point for point in entry_points(group="metier.tasks") if point.name not in TASKS]
    return TASKS | {point.name: point.load() for point in points}


def known_task(name: str) -> TaskRow:
    """Give the row of a task by its name or its old one; raises `UnknownNameError` if no task has that name."""
    name = task_name(name)
    if name in TASKS:
        return TASKS[name]
    known = tasks()
    if name not in known:
        raise UnknownNameError("task", name, known=known)
    return known[name]


def load_task(name: str) -> Any:
    """Give the class of a task.

    Raises
    ------
    UnknownNameError
        If no task has that name.
    """
    return pkgutil.resolve_name(known_task(name).where)


def infer_task(rows: "Rows") -> tuple[str, str]:
    """Give the name of the inferred task, and a note with the evidence and the flag that overrides it."""
    named = rows.roles.named
    for task, roles in _SIGNS:
        if named.keys() >= set(roles):
            evidence = ", ".join(f"{role} = {named[role]}" for role in roles)
            return task, f"task = {task}, inferred from {evidence} (--task)"
    return "classification", "task = classification, as no column shows another task (--task)"
