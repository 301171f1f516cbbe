"""`--knowledge`: a knowledge graph for the methods that take one, read before any work."""

from collections.abc import Sequence

from metier import catalogue
from metier.data.knowledge import read_knowledge
from metier.errors import CallError, MissingExtraError
from metier.selection.settings import TrainSettings
from metier.tasks.task_table import TASKS, known_task


def check_knowledge(candidates: Sequence[str], task: str, settings: TrainSettings) -> None:
    """Read the graph once, so that its faults are told before any work.

    Raises
    ------
    CallError
        If a candidate needs a graph and there is none, or no method of the task takes one.
    DataError
        If the graph cannot be used.
    """
    named = settings.data.knowledge
    if named is None:
        wanting = [name for name in candidates if learns_from_knowledge(name)]
        if wanting:
            raise CallError(
                f"{', '.join(wanting)} needs a knowledge graph, but there is none. Give it with --knowledge FILE."
            )
        return
    if not known_task(task).with_knowledge:
        able = ", ".join(name for name, known in TASKS.items() if known.with_knowledge)
        raise CallError(
            f"Methods with a knowledge graph exist for the tasks {able}; the task is {task}. Leave out --knowledge."
        )
    if not any(map(learns_from_knowledge, candidates)):
        able = ", ".join(known_task(task).with_knowledge)
        raise CallError(
            f"--knowledge is {named}, and none of the candidates takes it. Add {able} to --candidates, or leave out "
            "--knowledge."
        )
    read_knowledge(named)


def learns_from_knowledge(name: str) -> bool:
    """Whether a method needs a knowledge graph; one that is not installed learns nothing at all."""
    try:
        return catalogue.capabilities(name).learns_from_knowledge
    except MissingExtraError:
        return False
