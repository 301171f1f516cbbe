"""How good answers are, how sure that is, and how two sets of answers compare. Arrays in, never models."""

from metier.evaluation.calibration import calibration_error, fit_temperature, log_loss, reliability
from metier.evaluation.certification import net_loss_p_value, net_loss_upper_bound, rows_to_certify
from metier.evaluation.comparison import Comparison, compare, mcnemar_exact
from metier.evaluation.equivalence import Equivalence, equivalent
from metier.evaluation.intervals import Interval, bootstrap_interval
from metier.evaluation.metrics import METRICS, accuracy, confusions, macro_f1, per_label
from metier.tasks.softmax import softmax

__all__ = [
    "METRICS",
    "Comparison",
    "Equivalence",
    "Interval",
    "accuracy",
    "bootstrap_interval",
    "calibration_error",
    "compare",
    "confusions",
    "equivalent",
    "fit_temperature",
    "log_loss",
    "macro_f1",
    "mcnemar_exact",
    "net_loss_p_value",
    "net_loss_upper_bound",
    "per_label",
    "reliability",
    "rows_to_certify",
    "softmax",
]
