"""Where the figures of a policy come from: the table of all sources."""

from metier.assurance.figures.of_answers import ANSWERS
from metier.assurance.figures.of_behaviour import BEHAVIOUR
from metier.assurance.figures.of_cost import COST
from metier.assurance.figures.of_fairness import FAIRNESS
from metier.assurance.figures.of_slices import SLICES
from metier.assurance.figures.source import FigureSource

# The first that knows a name measures it.
SOURCES: tuple[FigureSource, ...] = (ANSWERS, COST, SLICES, FAIRNESS, BEHAVIOUR)
