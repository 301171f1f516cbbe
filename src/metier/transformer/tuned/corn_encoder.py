"""Grades by the base fine-tuned whole under an ordinal head."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import numpy as np

from metier.evaluation.calibration import SMALLEST_PROBABILITY
from metier.evaluation.grade_temperature import fit_grade_temperature
from metier.evaluation.metrics import accuracy
from metier.export.graph_export import Exported
from metier.export.precision_choice import EquivalenceCheck
from metier.tasks.answers.grade import GradeDecoder
from metier.tasks.estimators import Classifier
from metier.tasks.examples import Examples
from metier.tasks.folds import held_out
from metier.tasks.graded_texts import check_grades
from metier.tasks.grading import from_conditional
from metier.tasks.method_contract import Capabilities, CostRank
from metier.text.given_texts import as_texts
from metier.training.batching import TokenisedRows
from metier.training.heads.label_probe import UNFITTED_C, Questions, choose_label_probe, fit_label_probe
from metier.training.heads.pooled_classifier import PooledClassifier
from metier.training.inherited_settings import with_settings_of
from metier.training.tuned_method import TunedEncoder, mean_and_error


@with_settings_of(TunedEncoder)
class CornEncoder(Classifier, TunedEncoder):
    """A pretrained encoder fine-tuned whole under the CORN head [1]_, which knows that grades have an order.

    Parameters
    ----------
    order : sequence of str, default=None
        The grades from the lowest to the highest; None: numbers by their size, words by a scale that is known.
    temperature : float, default=None
        What margins are divided by before the sigmoids; None: fitted on validation.
    settings : see `TunedEncoder`

    Attributes
    ----------
    classes_ : ndarray of shape (n_grades,)
        Grades in their order, which is that of the columns of `predict_proba`.
    base_ : Base
        The base that was used.
    chosen_params_ : dict
        What to set so that another fit needs no validation.
    facts_ : dict
        How training went: epochs, steps, why it stopped, what each epoch scored.

    References
    ----------
    .. [1] Shi, Cao and Raschka, "Deep neural networks for rank-consistent ordinal regression based on conditional
       probabilities", 2021, arXiv:2111.08851.
    """

    name = "corn_encoder.v1"
    capabilities: ClassVar[Capabilities] = Capabilities(
        cost=CostRank.FINE_TUNED,
        baseline="encoder.v1",
        needs_base=True,
        takes_adaptation=True,
        takes_objective=True,
        trains_together=True,
    )
    answers = "grade"
    learned = (*TunedEncoder.learned, "classes_", "temperature_")

    def __init__(
        self,
        *,
        order: Sequence[str] | None = None,
        temperature: float | None = None,
        **settings: Any,
    ):
        super().__init__(**settings)
        self.order = order
        self.temperature = temperature

    def _probabilities(self, items: Sequence[Any]) -> np.ndarray:
        return from_conditional(self.margins(items) / self.temperature_)

    def _is_settled(self) -> bool:
        return self.stop_epoch is not None and self.temperature is not None

    def _unsettled(self, examples: Examples) -> dict[str, Any]:
        return {"temperature": self.temperature or 1.0, "C": self.C or UNFITTED_C}

    def _read(self, X: Any) -> Sequence[Any]:
        return as_texts(X)

    def _check(self, X: Any, y: Any, *, known: Any | None = None) -> Examples:
        return check_grades(X, y, order=self.order, classes=None if known is None else known.classes)

    def _inputs(self, examples: Examples) -> Sequence[Any]:
        return examples.texts

    def _truth(self, examples: Examples) -> np.ndarray:
        return examples.truth

    def _splits(self, examples: Examples, random: np.random.RandomState) -> Iterator[tuple[Any, Any]]:
        for kept, held in held_out(examples.truth, random=random):
            yield examples.take(kept), examples.take(held)

    def _start_of_head(
        self, examples: Examples, vectors: np.ndarray, away: tuple[Examples, np.ndarray] | None
    ) -> tuple[float, np.ndarray, np.ndarray]:
        known, C = _questions(examples, vectors), self.C or UNFITTED_C
        if self.C is None and away is not None:
            C, _ = choose_label_probe([(known, _questions(*away))])
        probe = fit_label_probe(known, C=C)
        return C, probe.weight, probe.bias

    def _score(self, model: PooledClassifier, rows: TokenisedRows) -> dict[str, float]:
        """Compare epochs by log-loss at the best temperature, since accuracies of neighbours tie."""
        assert rows.truth is not None
        logits = model.logits(rows)
        fitted = fit_grade_temperature(logits, rows.truth, probabilities=from_conditional)
        probabilities = from_conditional(logits / fitted)
        given = probabilities[np.arange(len(rows)), rows.truth]
        losses = -np.log(np.maximum(given, SMALLEST_PROBABILITY))
        return {"accuracy": accuracy(rows.truth, probabilities.argmax(axis=1)), **mean_and_error(losses)}

    def _settle(self, examples: Examples, unseen: Examples | None) -> dict[str, Any]:
        self.classes_ = examples.classes
        self.temperature_ = float(self.temperature or 1.0)
        if self.temperature is None and unseen is not None:
            self.temperature_ = fit_grade_temperature(
                self.margins(unseen.texts), unseen.truth, probabilities=from_conditional
            )
        return {"temperature": self.temperature_, "order": [str(grade) for grade in self.classes_]}

    def _exported(self) -> Exported:
        decoder = GradeDecoder(tuple(map(str, self.classes_)), self.temperature_)
        return self._exported_with("onnx_grader.v1", decoder, *self._weights())

    def _equivalence_check(self, unseen: Examples) -> EquivalenceCheck:
        return EquivalenceCheck.of_labels(unseen.texts, unseen.truth)


def _questions(examples: Examples, vectors: np.ndarray) -> Questions:
    """Ask of each row whether it is above each grade that it is not below."""
    steps = np.arange(len(examples.classes) - 1)
    return Questions(vectors, examples.truth[:, None] > steps, examples.truth[:, None] >= steps)
