"""Old place of these names, until the last import of it is gone."""

from metier.tasks.answers.bio import (
    NOWHERE,
    OUTSIDE,
    Span,
    as_offsets,
    best_tags,
    legal_starts,
    legal_steps,
    runs_of_tags,
    spans_of_tags,
    tag_names,
    tags_of_spans,
)

__all__ = [
    "NOWHERE",
    "OUTSIDE",
    "Span",
    "as_offsets",
    "best_tags",
    "legal_starts",
    "legal_steps",
    "runs_of_tags",
    "spans_of_tags",
    "tag_names",
    "tags_of_spans",
]
