"""The head of a joint method: a fusion, what makes answers of its logits, and a scale for each missing modality."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from metier.multimodal.case_calibration import UNFITTED, fit_scales, without_the_other
from metier.multimodal.fusions.fusion import Learned, Learner, Scaled, logits_of
from metier.multimodal.tower_outputs import IMAGE, TEXT, TowerOutputs
from metier.tasks.answers import Decodable
from metier.training.heads.frozen_heads import Rows

SCALES = "missing_scales"  # The setting of the method.


@dataclass(frozen=True)
class FittedFusion:
    """A fusion and its decoder.

    Parameters
    ----------
    module : Scaled
    decoder : Decoder
    chosen, facts : dict
        What to set so that another fit needs no validation, and what the report shows.
    """

    module: Scaled
    decoder: Any
    chosen: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    def logits(self, outputs: TowerOutputs) -> np.ndarray:
        """Give the logits, an ndarray of float64 of shape (n_rows, n_logits)."""
        return logits_of(self.module, outputs)


@dataclass(frozen=True)
class JointHead:
    """Fits a fusion; what is not given is chosen on validation rows, or on some that are held out.

    Parameters
    ----------
    learner : Learner
    """

    learner: Learner

    @property
    def in_detail(self) -> bool:
        """Whether the fusion looks at tokens and regions."""
        return self.learner.in_detail

    def fit(self, known: Rows, held: Rows | None, answer: Decodable, given: Mapping[str, Any]) -> Any:
        """Choose what is not given, and fit on all of `known`."""
        choices = (*self.learner.chooses, *answer.chooses, SCALES)
        if all(given[name] is not None for name in choices):
            learned = self.learner.learn(known, None, answer, given)
            decoder = answer.decoder(known.examples, **given)
            return _fitted(learned, decoder, given[SCALES], answer)
        learning, judged = (known, held) if held is not None else _held_out(known, answer, given)
        learned = self.learner.learn(learning, judged, answer, given)
        decoder = _decoder(learned, judged, answer, given)
        scales = given[SCALES] or (
            dict(UNFITTED)
            if judged is None
            else fit_scales(without_the_other(learned.module, judged), answer, decoder)
        )
        if held is None and judged is not None:
            # What was chosen on the rows that were held out holds for a fit on all of them.
            settled = {**given, **learned.chosen, **decoder.chosen}
            learned = Learned(
                self.learner.learn(known, None, answer, settled).module, learned.chosen, facts=learned.facts
            )
        return _fitted(learned, decoder, scales, answer)


def _held_out(known: Rows, answer: Any, given: Mapping[str, Any]) -> tuple[Rows, Rows | None]:
    """Give rows to learn from and to choose on; None where none can be held out."""
    first = next(iter(answer.folds(known.examples, random_state=given["random_state"])), None)
    return (known, None) if first is None else (known.take(first[0]), known.take(first[1]))


def _decoder(learned: Learned, judged: Rows | None, answer: Decodable, given: Mapping[str, Any]) -> Any:
    if learned.decoder is not None:
        return learned.decoder
    assert judged is not None
    outputs: Any = judged.features
    return answer.fit_decoder(logits_of(learned.module, outputs), judged.examples, **given)


def _fitted(learned: Learned, decoder: Any, scales: Mapping[str, float], answer: Decodable) -> FittedFusion:
    module = Scaled(learned.module, (1.0, float(scales[TEXT]), float(scales[IMAGE])))
    return FittedFusion(module.eval(), decoder, {**learned.chosen, SCALES: dict(scales)}, learned.facts)
