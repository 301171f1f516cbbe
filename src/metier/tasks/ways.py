"""Ways of learning besides labelled rows and defaults: their names, how they are asked for, and where they make no sense.

Which tasks a way takes follows from methods and kinds (`selection.ways_of_learning`). Where none takes it, a sentence says
why not: of a form of answers it stands with the kind (`AnswerKind.why_not`), of one task in its row of the table.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from metier.tasks.answers import ANSWERS
from metier.tasks.task_table import known_task


@dataclass(frozen=True)
class Way:
    """A way of learning.

    Parameters
    ----------
    title : str
        What the field calls it.
    asked_by : str
        How a command asks for it.
    methods : tuple of str
        How the names of its methods begin, where it has some.
    """

    title: str
    asked_by: str
    methods: tuple[str, ...] = ()


WAYS: Mapping[str, Way] = {
    "few_shot": Way("few-shot learning", "metier train --candidates few_shot", ("few_shot",)),
    "zero_shot": Way("zero-shot learning", "metier train --candidates zero_shot", ("zero_shot",)),
    "in_context": Way(
        "in-context learning", "metier train --candidates prompted,endpoint", ("prompted", "endpoint")
    ),
    "self_training": Way("self-training", "metier train --unlabelled FILE", ("self_training", "pseudo_labels")),
    "pretraining": Way(
        "continued pretraining",
        "metier train --unlabelled FILE",
        ("pretrained_encoder", "domain_pretraining", "pretrained_generator"),
    ),
    "consistency": Way(
        "consistency training", "metier train --unlabelled FILE", ("consistency_encoder", "consistency")
    ),
    "weak_labels": Way("weak labels from rules", "metier label FILE --rules rules.yaml"),
    "distillation": Way("distillation", "metier train --distil"),
    "search": Way("search of settings", "metier train --search"),
    "learning_curve": Way("learning curves", "metier train --learning-curve"),
    "soup": Way("model soups", "metier train --candidates soup", ("soup",)),
    "augmentation": Way("data augmentation", "metier train --augment eda"),
}
# What each flag asks for: the ways of which one at least has to make sense.
ASKED: Mapping[str, tuple[str, ...]] = {
    "--unlabelled": ("self_training", "pretraining", "consistency"),
    "--distil": ("distillation",),
    "--search": ("search",),
    "--rules": ("weak_labels",),
    "--augment": ("augmentation",),
}


# What would make sense and is not built: said, not passed over.
NOT_BUILT = {
    "soup": "soup.v1 averages encoders of single labels; soups of other encoders are not built yet.",
    "few_shot": "No few-shot method of this task is built yet.",
    "zero_shot": "No zero-shot method of this task is built yet.",
    "in_context": "No method that learns from examples in a prompt is built for this task yet.",
}


def why_not(way: str, task: str) -> str | None:
    """Give the sentence that says why a way of learning makes no sense for a task; None: there is none."""
    row = known_task(task)
    return row.why_not.get(way) or ANSWERS[row.answer].why_not.get(way) or NOT_BUILT.get(way)


def no_way(flag: str, task: str) -> str:
    """Give the message for a flag that asks for what makes no sense for a task, with the reason."""
    ways = [way for way in ASKED[flag] if why_not(way, task)]
    reasons = " ".join(str(why_not(way, task)) for way in ways[:1])
    titles = ", ".join(WAYS[way].title for way in ASKED[flag])
    return f"There is no {titles} for the task {task}. {reasons} Leave out {flag}."
