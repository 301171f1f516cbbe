"""Display names of metrics."""

from metier.errors import UnknownNameError
from metier.evaluation.measure_table import find_measure

METRIC_NAMES = {
    "log_loss": "log-loss",
    "calibration_error": "calibration error",
    "macro_f1": "macro-F1",
    "entity_f1": "entity F1",
    "entity_macro_f1": "entity macro-F1",
    "set_micro_f1": "micro-F1",
    "set_macro_f1": "macro-F1",
    "set_samples_f1": "samples F1",
    "semeval_f1": "SemEval macro-F1",
    "mae": "MAE",
    "rmse": "RMSE",
    "spearman": "Spearman",
    "pearson": "Pearson",
    "quadratic_kappa": "weighted kappa",
    "exact_match": "exact match",
    "answer_f1": "answer F1",
    "mean_reciprocal_rank": "MRR",
    "mean_average_precision": "MAP",
    "recall_at_1": "recall at 1",
    "recall_at_5": "recall at 5",
    "recall_at_10": "recall at 10",
    "ndcg_at_10": "nDCG at 10",
    "rouge_1": "ROUGE-1",
    "rouge_2": "ROUGE-2",
    "rouge_l": "ROUGE-L",
    "bleu": "BLEU",
    "chrf": "chrF",
}


def metric_name(name: str) -> str:
    """Give the display name of a metric: `macro_f1` is `macro-F1`."""
    return METRIC_NAMES.get(name) or _own_title(name) or name.replace("_", " ")


def _own_title(name: str) -> str | None:
    """Give the title that a measure states; None for log-loss and others that are not row measures."""
    try:
        return find_measure(name).title
    except UnknownNameError:
        return None
