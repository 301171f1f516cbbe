"""The measures by their names, and how reports write them. One is added with one file and one row, or by the entry point
group `metier.metrics`.

A plug-in's entry point has the measure's name and leads to a `RowMeasure`; ours come first.
"""

from dataclasses import fields

from metier.errors import UnknownNameError
from metier.evaluation.answer_measures import ANSWER_MEASURES
from metier.evaluation.claim_measures import CLAIM_MEASURES
from metier.evaluation.detection_measures import DETECTION_MEASURES
from metier.evaluation.entity_measures import ENTITY_MEASURES
from metier.evaluation.label_set_measures import LABEL_SET_MEASURES
from metier.evaluation.likelihood_measures import LIKELIHOOD_MEASURES
from metier.evaluation.metrics import METRICS
from metier.evaluation.relation_measures import RELATION_MEASURES
from metier.evaluation.retrieval_measures import RETRIEVAL_MEASURES
from metier.evaluation.row_statistics import RowMeasure
from metier.evaluation.score_measures import SCORE_MEASURES
from metier.evaluation.speech_measures import SPEECH_MEASURES
from metier.evaluation.text_measures import TEXT_MEASURES
from metier.evaluation.triple_measures import TRIPLE_MEASURES
from metier.plug_ins import load_plug_in, plug_ins

MEASURES: dict[str, RowMeasure] = {
    one.name: one
    for family in (
        ENTITY_MEASURES,
        ANSWER_MEASURES,
        RELATION_MEASURES,
        LABEL_SET_MEASURES,
        SCORE_MEASURES,
        DETECTION_MEASURES,
        RETRIEVAL_MEASURES,
        TEXT_MEASURES,
        CLAIM_MEASURES,
        SPEECH_MEASURES,
        LIKELIHOOD_MEASURES,
        TRIPLE_MEASURES,
    )
    for one in family
}
Metric = str | RowMeasure
PLUG_INS = "metier.metrics"
METRIC_NAMES = {
    "log_loss": "log-loss",
    "bits_per_character": "bits per character",
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
    "triple_f1": "triple F1",
    "triple_precision": "triple precision",
    "triple_recall": "triple recall",
    "triple_relaxed_f1": "relaxed triple F1",
    "triple_entity_f1": "entity F1",
    "verbatim_match": "match to the character",
    "unsupported": "unsupported claims",
    "unsupported_numbers": "unsupported numbers",
    "new_words": "new words",
    "wer": "WER",
    "cer": "CER",
}


def find_measure(metric: Metric) -> RowMeasure:
    """Give the measure of that name; a measure is given back as it is.

    Raises
    ------
    UnknownNameError
        If no measure has that name.
    PlugInError
        If it is of a plug-in, and broken.
    """
    if isinstance(metric, RowMeasure):
        return metric
    if metric in MEASURES:
        return MEASURES[metric]
    added = plug_ins(PLUG_INS)
    if metric not in added:
        raise UnknownNameError("metric", metric, known=[*MEASURES, *METRICS, *added])
    found: RowMeasure = load_plug_in(PLUG_INS, metric, parts=(part.name for part in fields(RowMeasure)))
    return found


def metric_name(name: str) -> str:
    """Give the display name of a metric: `macro_f1` is `macro-F1`."""
    return METRIC_NAMES.get(name) or _own_title(name) or name.replace("_", " ")


def _own_title(name: str) -> str | None:
    """Give the title that a measure states; None for log-loss and others that are not row measures."""
    try:
        return find_measure(name).title
    except UnknownNameError:
        return None
