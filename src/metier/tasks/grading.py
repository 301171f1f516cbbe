"""Old place of these names, until the last import of it is gone."""

from metier.tasks.answers.grade import from_conditional, from_cumulative
from metier.tasks.answers.grade_order import SCALES, order_of
from metier.tasks.ordinal import METRICS, NAME
from metier.tasks.ordinal import Ordinal as Grading

__all__ = ["METRICS", "NAME", "SCALES", "Grading", "from_conditional", "from_cumulative", "order_of"]
