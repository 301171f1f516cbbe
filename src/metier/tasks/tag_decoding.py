"""Old place of these names, until the last import of it is gone."""

from metier.tasks.answers.spans import Run
from metier.tasks.answers.spans import SpanDecoder as TagDecoder
from metier.tasks.answers.spans import targets_of as places

__all__ = ["Run", "TagDecoder", "places"]
