"""The tasks by their names, and which methods are compared for each when nobody names candidates.

A task is added with one file in this folder and one row here; its methods are rows of the catalogue.
"""

import importlib
from dataclasses import dataclass
from typing import Any

from metier.errors import UnknownNameError


@dataclass(frozen=True)
class Known:
    """A task of the table.

    Parameters
    ----------
    where : str
        Dotted path of its class.
    candidates : tuple of str
        The methods that are compared by default, cheap first.
    ensembles : tuple of str
        What is made of them afterwards, on their validation answers.
    learn_from_unlabelled : tuple of str
        The methods that unlabelled rows add, in the order of their cost.
    student : str or None
        The method that an ensemble can be taught to.
    """

    where: str
    candidates: tuple[str, ...]
    ensembles: tuple[str, ...] = ()
    learn_from_unlabelled: tuple[str, ...] = ()
    student: str | None = None


PROBABILITIES = ("average.v1", "cascade.v1")  # Ensembles of whatever answers with probabilities of labels.
ORDERED = "grading"  # The task that an order of the labels asks for.
TASKS = {
    "classification": Known(
        "metier.tasks.classification:Classification",
        ("majority.v1", "tfidf_linear.v1", "static.v1", "frozen_linear.v1", "few_shot.v1", "encoder.v1"),
        PROBABILITIES,
        learn_from_unlabelled=("self_training.v1", "pretrained_encoder.v1", "consistency_encoder.v1"),
        student="encoder.v1",
    ),
    "many_labels": Known(
        "metier.tasks.multi_label:MultiLabel",
        (
            "label_frequencies.v1",
            "many_labels_linear.v1",
            "frozen_many_labels.v1",
            "many_labels_encoder.v1",
        ),
        ("label_average.v1",),
    ),
    "grading": Known(
        "metier.tasks.ordinal:Ordinal",
        (
            "majority.v1",
            "tfidf_linear.v1",
            "ordinal_logistic.v1",
            "frozen_linear.v1",
            "encoder.v1",
            "corn_encoder.v1",
        ),
        PROBABILITIES,
    ),
    "scoring": Known(
        "metier.tasks.regression:Regression",
        ("ridge.v1", "frozen_ridge.v1", "score_encoder.v1"),
        ("score_average.v1",),
    ),
    "tagging": Known(
        "metier.tasks.ner:NamedEntities",
        ("dictionary_tagger.v1", "crf.v1", "token_encoder.v1"),
        ("vote.v1",),
    ),
    "relation": Known(
        "metier.tasks.relation:Relation",
        ("majority.v1", "relation_linear.v1", "relation_encoder.v1"),
        PROBABILITIES,
    ),
    "answering": Known(
        "metier.tasks.extractive_qa:ExtractiveQa", ("passage_phrase.v1", "reader.v1"), ("retrieve_read.v1",)
    ),
    "matching": Known(
        "metier.tasks.text_pair:TextPair",
        ("majority.v1", "pair_linear.v1", "frozen_pair.v1", "bi_encoder.v1", "cross_encoder.v1"),
        PROBABILITIES,
    ),
    "retrieval": Known(
        "metier.tasks.retrieval:Retrieval",
        ("bm25.v1", "frozen_search.v1", "search_encoder.v1"),
        ("retrieve_rerank.v1",),
    ),
    "generation": Known(
        "metier.tasks.generation:Generation",
        ("lead.v1", "textrank.v1", "nearest_reply.v1", "sentence_ranker.v1", "generator.v1"),
    ),
}


def load_task(name: str) -> Any:
    """Give the class of a task.

    Raises
    ------
    UnknownNameError
        If no task has that name.
    """
    module, _, attribute = known_task(name).where.partition(":")
    return getattr(importlib.import_module(module), attribute)


def known_task(name: str) -> Known:
    """Give the row of a task; raises `UnknownNameError` if no task has that name."""
    if name not in TASKS:
        raise UnknownNameError("task", name, known=TASKS)
    return TASKS[name]
