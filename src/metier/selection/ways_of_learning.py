"""The table of ways of learning and tasks: for each pair what takes it, or the sentence that says why nothing does.

What takes a way is read from what methods state about themselves and from the tasks' rows; the reasons stand with the
kinds of answers (`tasks.ways`). Nothing is imported for it that a list of methods does not import.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from metier import catalogue
from metier.selection.decisions import suits_task
from metier.tasks.answers import ANSWERS
from metier.tasks.task_table import TASKS, TaskRow, known_task
from metier.tasks.ways import WAYS, why_not
from metier.text.augmentation import BACK, NAMES, SPELLING

# Where a target depends on single words, only these edits leave it as it is.
SAFE_EDITS = tuple(SPELLING)


@dataclass(frozen=True)
class WayOnTask:
    """What of a task takes a way of learning.

    Parameters
    ----------
    way, task : str
    takes : tuple of str
        Methods, or names of augmentations.
    why_not : str or None
        Why nothing does; None where something does.
    """

    way: str
    task: str
    takes: tuple[str, ...]
    why_not: str | None


def ways_of(task: str) -> list[WayOnTask]:
    """Give what each way of learning is on a task, in the order of `WAYS`."""
    row = known_task(task)
    found = []
    for way in WAYS:
        reason = why_not(way, task)
        takes = () if reason and way not in OWN_METHODS else tuple(dict.fromkeys(_TAKES[way](task, row)))
        found.append(WayOnTask(way, task, takes, None if takes else reason))
    return found


def every_way() -> list[WayOnTask]:
    """Give the whole table, task by task."""
    return [one for task in TASKS for one in ways_of(task)]


def _named(way: str) -> Callable[[str, TaskRow], list[str]]:
    def takes(task: str, row: TaskRow) -> list[str]:
        heads = WAYS[way].methods
        own = [name for name in catalogue.METHODS if name.rpartition(".v")[0].startswith(heads)]
        return [name for name in own if suits_task(name, task)]

    return takes


def _by_unlabelled(way: str) -> Callable[[str, TaskRow], list[str]]:
    def takes(task: str, row: TaskRow) -> list[str]:
        heads = WAYS[way].methods
        return [name for name in row.learn_from_unlabelled if name.rpartition(".v")[0] in heads]

    return takes


def _softly(task: str, row: TaskRow) -> list[str]:
    return [name for name in row.methods if catalogue.stated(name).takes_soft_labels]


def _searched(task: str, row: TaskRow) -> list[str]:
    return [name for name in row.methods if catalogue.stated(name).is_fine_tuned]


def _augmented(task: str, row: TaskRow) -> list[str]:
    if task in ("text_pair", "generation"):
        return list(SAFE_EDITS)
    return [name for name in NAMES if name != BACK or not ANSWERS[row.answer].marks_text]


# What methods state themselves counts, whatever reason a kind gives: a method may have found a way.
OWN_METHODS = ("few_shot", "zero_shot", "in_context", "soup")
_TAKES: Mapping[str, Callable[[str, TaskRow], list[str]]] = {
    **{way: _named(way) for way in OWN_METHODS},
    **{way: _by_unlabelled(way) for way in ("self_training", "pretraining", "consistency")},
    "weak_labels": _softly,
    "distillation": lambda task, row: list(row.students),
    "search": _searched,
    "learning_curve": lambda task, row: list(row.methods),
    "augmentation": _augmented,
}
