"""Infer the task from the roles of columns."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # What answers needs a task's words, never the rows' Arrow.
    from metier.data.rows import Rows

# From the most specific to the least: spans or answers are never there by chance, a label may be.
_SIGNS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("ner", ("spans",)),
    ("extractive_qa", ("question", "answers")),
    ("relation", ("head", "tail", "label")),
    ("multi_label", ("labels",)),
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


def infer_task(rows: "Rows") -> tuple[str, str]:
    """Give the name of the inferred task, and a note with the evidence and the flag that overrides it."""
    named = rows.roles.named
    for task, roles in _SIGNS:
        if named.keys() >= set(roles):
            evidence = ", ".join(f"{role} = {named[role]}" for role in roles)
            return task, f"task = {task}, inferred from {evidence} (--task)"
    return "classification", "task = classification, as no column shows another task (--task)"
