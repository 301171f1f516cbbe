"""Questions of two texts as one text with a sign between them, so that the words of both sides are weighed alike."""

from typing import Any

from metier.tasks.inputs import PAIR, QUESTION, InputKind

BETWEEN, INSTEAD = "‖", "|"  # What stands in the texts already is written otherwise.
NOTHING = "…"  # In the place of a side whose words are all left out: no side may be blank.
TWO_SIDED = {kind.name: kind for kind in (PAIR, QUESTION)}


def is_two_sided(kind: InputKind) -> bool:
    """Say whether questions of a kind consist of two texts."""
    return kind.name in TWO_SIDED


def joined(kind: InputKind, item: Any) -> str:
    """Give both sides of a question as one text."""
    [sides] = kind.read([item])
    return f" {BETWEEN} ".join(str(side).replace(BETWEEN, INSTEAD) for side in sides)


def sides_of(kind: InputKind, text: str) -> dict[str, str]:
    """Give the question that a joined text stands for."""
    one, _, other = text.partition(BETWEEN)
    return {key: side.strip() or NOTHING for key, side in zip(kind.keys, (one, other), strict=True)}
