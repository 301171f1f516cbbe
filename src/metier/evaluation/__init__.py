"""Metrics, confidence intervals, calibration and paired comparison of answers. Takes arrays, never models.

The names below are imported on first use: predictors need some of these modules without importing scipy.
"""

from typing import TYPE_CHECKING

from metier import late_names
from metier.evaluation.softmax import softmax

if TYPE_CHECKING:
    from metier.evaluation.calibration import (
        calibration_error,
        calibration_error_by_chance,
        fit_grade_temperature,
        fit_temperature,
        log_loss,
        reliability,
    )
    from metier.evaluation.certification import (
        Equivalence,
        equivalent,
        net_loss_p_value,
        net_loss_upper_bound,
        rows_to_certify,
    )
    from metier.evaluation.comparison import Comparison, compare, mcnemar_exact, mcnemar_mid_p
    from metier.evaluation.conformal import (
        ScoreIntervals,
        fit_score_intervals,
        half_width,
        held_coverage,
        measured_coverage,
    )
    from metier.evaluation.intervals import Interval, bootstrap_interval
    from metier.evaluation.many_comparisons import Against, compare_pairs, compare_with_best
    from metier.evaluation.metrics import METRICS, accuracy, confusions, macro_f1, per_label
    from metier.evaluation.platt_scaling import fit_log_odds_line, fit_logistic, fit_sigmoids
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
        rows_correct,
    )
    from metier.evaluation.span_calibration import SpanCalibrationReport, gather_spans, report_spans

__all__ = [
    "MEASURES",
    "METRICS",
    "Against",
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
    "calibration_error_by_chance",
    "compare",
    "compare_pairs",
    "compare_with_best",
    "comparison_of",
    "confusions",
    "describe_metric",
    "equivalent",
    "fit_grade_temperature",
    "fit_log_odds_line",
    "fit_logistic",
    "fit_score_intervals",
    "fit_sigmoids",
    "fit_temperature",
    "gather_spans",
    "half_width",
    "held_coverage",
    "higher_is_better",
    "interval_of",
    "is_fraction",
    "log_loss",
    "macro_f1",
    "mcnemar_exact",
    "mcnemar_mid_p",
    "measure",
    "measured_coverage",
    "net_loss_p_value",
    "net_loss_upper_bound",
    "per_label",
    "reliability",
    "report_spans",
    "row_comparison",
    "row_interval",
    "rows_correct",
    "rows_to_certify",
    "softmax",
]

_FOUND_IN = {
    "calibration": (
        "calibration_error",
        "calibration_error_by_chance",
        "fit_grade_temperature",
        "fit_temperature",
        "log_loss",
        "reliability",
    ),
    "certification": (
        "Equivalence",
        "equivalent",
        "net_loss_p_value",
        "net_loss_upper_bound",
        "rows_to_certify",
    ),
    "comparison": ("Comparison", "compare", "mcnemar_exact", "mcnemar_mid_p"),
    "conformal": ("ScoreIntervals", "fit_score_intervals", "half_width", "held_coverage", "measured_coverage"),
    "intervals": ("Interval", "bootstrap_interval"),
    "many_comparisons": ("Against", "compare_pairs", "compare_with_best"),
    "metrics": ("METRICS", "accuracy", "confusions", "macro_f1", "per_label"),
    "platt_scaling": ("fit_log_odds_line", "fit_logistic", "fit_sigmoids"),
    "row_measures": (
        "MEASURES",
        "RowMeasure",
        "better",
        "comparison_of",
        "describe_metric",
        "higher_is_better",
        "interval_of",
        "is_fraction",
        "measure",
        "row_comparison",
        "row_interval",
        "rows_correct",
    ),
    "span_calibration": ("SpanCalibrationReport", "gather_spans", "report_spans"),
}
_MODULE_OF = {name: module for module, names in _FOUND_IN.items() for name in names}


__getattr__ = late_names.found_late(__name__, _MODULE_OF)
