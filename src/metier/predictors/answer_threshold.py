"""Old place of these names, until the last import of it is gone."""

from metier.tasks.answers.answer_fitting import best_threshold
from metier.tasks.answers.answer_fitting import fit_answer_threshold as fit_verdict

__all__ = ["best_threshold", "fit_verdict"]
