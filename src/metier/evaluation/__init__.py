"""How good answers are, how sure that is, and how two sets of answers compare. Arrays in, never models."""

from metier.evaluation.calibration import calibration_error, fit_temperature, log_loss, reliability
from metier.evaluation.certification import net_loss_p_value, net_loss_upper_bound, rows_to_certify
from metier.evaluation.comparison import Comparison, compare, mcnemar_exact
from metier.evaluation.conformal import ScoreIntervals, fit_score_intervals, measured_coverage
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
    rows_right,
)
from metier.evaluation.softmax import softmax
from metier.evaluation.span_calibration import SpanCalibrationReport, gather_spans, report_spans

__all__ = [
    "MEASURES",
    "METRICS",
    "Comparison",
    "Equivalence",
    "Interval",
    "RowMeasure",
    "ScoreIntervals",
    "SpanCalibrationReport",
    "accuracy",
    "better",
    "bootstrap_interval",
    "calibration_error",
    "compare",
    "comparison_of",
    "confusions",
    "describe_metric",
    "equivalent",
    "fit_score_intervals",
    "fit_temperature",
    "gather_spans",
    "higher_is_better",
    "interval_of",
    "is_fraction",
    "log_loss",
    "macro_f1",
    "mcnemar_exact",
    "measure",
    "measured_coverage",
    "net_loss_p_value",
    "net_loss_upper_bound",
    "per_label",
    "reliability",
    "report_spans",
    "row_comparison",
    "row_interval",
    "rows_right",
    "rows_to_certify",
    "softmax",
]
