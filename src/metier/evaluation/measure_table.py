"""The measures by their names. One is added with one file and one row, or by the entry point group `metier.metrics`.

A plug-in's entry point has the measure's name and leads to a `RowMeasure`; ours come first.
"""

import importlib

from metier.errors import UnknownNameError
from metier.evaluation.answer_measures import ANSWER_MEASURES
from metier.evaluation.detection_measures import DETECTION_MEASURES
from metier.evaluation.entity_measures import ENTITY_MEASURES
from metier.evaluation.label_set_measures import LABEL_SET_MEASURES
from metier.evaluation.metrics import METRICS
from metier.evaluation.relation_measures import RELATION_MEASURES
from metier.evaluation.retrieval_measures import RETRIEVAL_MEASURES
from metier.evaluation.row_statistics import RowMeasure
from metier.evaluation.score_measures import SCORE_MEASURES
from metier.evaluation.text_measures import TEXT_MEASURES
from metier.plug_ins import plug_ins

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
    )
    for one in family
}
Metric = str | RowMeasure
PLUG_INS = "metier.metrics"


def find_measure(metric: Metric) -> RowMeasure:
    """Give the measure of that name; a measure is given back as it is.

    Raises
    ------
    UnknownNameError
        If no measure has that name.
    """
    if isinstance(metric, RowMeasure):
        return metric
    if metric in MEASURES:
        return MEASURES[metric]
    added = plug_ins(PLUG_INS)
    if metric not in added:
        raise UnknownNameError("metric", metric, known=[*MEASURES, *METRICS, *added])
    module, _, attribute = added[metric].partition(":")
    found: RowMeasure = vars(importlib.import_module(module))[attribute]
    return found
