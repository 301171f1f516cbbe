"""Scores of texts or pairs from an encoder in ONNX and a linear head: `onnx_scorer.v1`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from metier.predictors.answers import RecordAnswers
from metier.predictors.loading import read_settings
from metier.predictors.onnx.headed_graph import HeadedGraph, read_rule
from metier.predictors.score_answers import ScoreRule
from metier.tasks.scoring import as_inputs

KIND = "onnx_scorer.v1"


class OnnxScorerPredictor:
    """The only margin, and the interval around it. Safe to share between threads.

    Parameters
    ----------
    headed : HeadedGraph
    rule : ScoreRule
    name : str
        Versioned name of the method that left this predictor.
    """

    labels: tuple[str, ...] = ()

    def __init__(self, headed: HeadedGraph, rule: ScoreRule, *, name: str):
        self.headed = headed
        self.rule = rule
        self.name = name

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load what a method exported; raises `BundleError` if a file is missing or broken."""
        rule = read_rule(ScoreRule, folder)
        return cls(HeadedGraph.load(folder, threads=threads), rule, name=read_settings(folder)["name"])

    def predict(self, items: Sequence[Any]) -> RecordAnswers:
        """Answer texts, or pairs as mappings with `text` and `text_pair`; a long sequence is worked off in batches.

        Raises
        ------
        MissingSideError
            If a pair has only one text.
        """
        return self.rule.answer(self.headed.margins(as_inputs(items)), self.name)
