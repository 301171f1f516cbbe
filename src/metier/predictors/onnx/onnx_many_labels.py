"""Sets of labels from an encoder in ONNX and a linear head: `onnx_many_labels.v1`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from metier.predictors.answers import LabelSetAnswers
from metier.predictors.label_sets import LabelRule
from metier.predictors.loading import read_settings
from metier.predictors.onnx.headed_graph import HeadedGraph, read_rule

KIND = "onnx_many_labels.v1"


class OnnxManyLabelsPredictor:
    """Each label answered by itself from its margin. Safe to share between threads.

    Parameters
    ----------
    headed : HeadedGraph
    rule : LabelRule
    name : str
        Versioned name of the method that left this predictor.
    """

    def __init__(self, headed: HeadedGraph, rule: LabelRule, *, name: str):
        self.headed = headed
        self.rule = rule
        self.name = name
        self.labels = rule.labels

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load what a method exported; raises `BundleError` if a file is missing or broken."""
        rule = read_rule(LabelRule, folder)
        return cls(HeadedGraph.load(folder, threads=threads), rule, name=read_settings(folder)["name"])

    def predict(self, texts: Sequence[str]) -> LabelSetAnswers:
        """Answer texts; a long sequence is worked off in batches."""
        return self.rule.answer(self.headed.margins(texts), self.name)
