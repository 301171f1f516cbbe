"""Which task some rows are for, as the roles of their columns show it."""

from metier.data.rows import Rows

# From the most telling to the least: spans or answers are never there by chance, a label may be.
_SIGNS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("tagging", ("spans",)),
    ("answering", ("question", "answers")),
    ("relation", ("head", "tail", "label")),
    ("many_labels", ("labels",)),
    ("generation", ("target",)),
    ("matching", ("text_pair", "label")),
    ("scoring", ("score",)),
    ("classification", ("label",)),
    # Without anything to learn from, the inputs still say what would be asked.
    ("answering", ("question",)),
    ("relation", ("head", "tail")),
    ("generation", ("messages",)),
    # Two texts and nothing said of them: one is asked, the other answers.
    ("retrieval", ("text_pair",)),
)


def infer_task(rows: Rows) -> tuple[str, str]:
    """Give the name of the task that rows are for, and a sentence that says why and how to overrule it."""
    for task, roles in _SIGNS:
        if all(getattr(rows.roles, role) is not None for role in roles):
            evidence = ", ".join(f"{role} = {getattr(rows.roles, role)}" for role in roles)
            return task, f"task = {task}, inferred from {evidence} (--task)"
    return "classification", "task = classification, for no column tells of another (--task)"
