"""What the answer kinds fit with scipy and scikit-learn, which answering does without."""

from metier.evaluation.calibration import fit_temperature
from metier.evaluation.conformal import half_width
from metier.evaluation.grade_temperature import fit_grade_temperature
from metier.evaluation.sigmoids import fit_sigmoids
from metier.tasks.answers.answer_fitting import fit_answer_threshold
from metier.tasks.answers.span_fitting import calibrate, choose_bias

__all__ = [
    "calibrate",
    "choose_bias",
    "fit_answer_threshold",
    "fit_grade_temperature",
    "fit_sigmoids",
    "fit_temperature",
    "half_width",
]
