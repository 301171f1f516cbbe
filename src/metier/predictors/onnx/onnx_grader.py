"""Grades from an encoder in ONNX and an ordinal head: `onnx_grader.v1`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from metier.predictors.answers import Answers
from metier.predictors.loading import read_settings
from metier.predictors.onnx.headed_graph import HeadedGraph
from metier.tasks.grading import from_conditional

KIND = "onnx_grader.v1"


class OnnxGraderPredictor:
    """Margins of being above a grade if not below it, as probabilities of grades. Safe to share between threads.

    Parameters
    ----------
    headed : HeadedGraph
        Gives one margin less than there are grades.
    labels : sequence of str
        The grades from the lowest to the highest.
    temperature : float
        What margins are divided by before the sigmoids.
    name : str
        Versioned name of the method that left this predictor.
    """

    def __init__(self, headed: HeadedGraph, *, labels: Sequence[str], temperature: float, name: str):
        self.headed = headed
        self.labels = tuple(labels)
        self.temperature = temperature
        self.name = name

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load what a method exported; raises `BundleError` if a file is missing or broken."""
        settings = read_settings(folder)
        return cls(
            HeadedGraph.load(folder, threads=threads),
            labels=settings["labels"],
            temperature=settings["temperature"],
            name=settings["name"],
        )

    def predict(self, texts: Sequence[str]) -> Answers:
        """Answer texts; a long sequence is worked off in batches."""
        probabilities = from_conditional(self.headed.margins(texts) / self.temperature)
        return Answers(probabilities, self.labels, (self.name,) * len(texts))
