"""How good answers are, how sure that is, and how two sets of answers compare. Arrays in, never models."""

from metier.evaluation.calibration import calibration_error, fit_temperature, log_loss, reliability
from metier.evaluation.certification import net_loss_p_value, net_loss_upper_bound, rows_to_certify
from metier.evaluation.comparison import Comparison, compare, mcnemar_exact
from metier.evaluation.equivalence import Equivalence, equivalent
from metier.evaluation.intervals import Interval, bootstrap_interval
from metier.evaluation.metrics import METRICS, accuracy, confusions, macro_f1, per_label
from metier.evaluation.row_measures import (
    MEASURES,
    RowMeasure,
    better,
    comparison_of,
    describe_metric,
    higher_is_better,
    interval_of,
    is_fraction,
    measure,
    row_comparison,
    row_interval,
)
from metier.tasks.softmax import softmax

__all__ = [
    "MEASURES",
    "METRICS",
    "Comparison",
    "Equivalence",
    "Interval",
    "RowMeasure",
    "accuracy",
    "better",
    "bootstrap_interval",
    "calibration_error",
    "compare",
    "comparison_of",
    "confusions",
    "describe_metric",
    "equivalent",
    "fit_temperature",
    "higher_is_better",
    "interval_of",
    "is_fraction",
    "log_loss",
    "macro_f1",
    "mcnemar_exact",
    "measure",
    "net_loss_p_value",
    "net_loss_upper_bound",
    "per_label",
    "reliability",
    "row_comparison",
    "row_interval",
    "rows_to_certify",
    "softmax",
]
