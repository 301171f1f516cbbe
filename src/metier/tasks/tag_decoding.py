"""From what a model says of each token to spans with probabilities."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from metier.tasks.bio import OUTSIDE, best_tags, runs_of_tags
from metier.tasks.scored_spans import UNCALIBRATED, ScoredSpan, SpanCalibration

# A span as positions of tokens: the first, the one after the last, the number of its label, its evidence.
Run = tuple[int, int, int, float]


@dataclass(frozen=True)
class TagDecoder:
    """The likeliest legal tags of a text, as spans.

    Parameters
    ----------
    labels : tuple of str
    outside_bias : float
        Added to the logit of O: below 0 finds more spans, with more of them wrong.
    calibration : SpanCalibration
    """

    labels: tuple[str, ...]
    outside_bias: float = 0.0
    calibration: SpanCalibration = UNCALIBRATED

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """Read it from a predictor's settings: `labels` and what `settings` gave."""
        return cls(
            tuple(settings["labels"]), settings["outside_bias"], SpanCalibration(**settings["calibration"])
        )

    @property
    def settings(self) -> dict[str, Any]:
        """What a predictor has to write down besides the labels."""
        return {"outside_bias": self.outside_bias, "calibration": asdict(self.calibration)}

    def spans(self, logits: np.ndarray, offsets: np.ndarray) -> list[ScoredSpan]:
        """Give the spans of one text, in order.

        Parameters
        ----------
        logits : ndarray of shape (n_tokens, n_tags)
            Tags as `bio` numbers them.
        offsets : ndarray of int of shape (n_tokens, 2)
        """
        return [
            ScoredSpan(
                int(offsets[first, 0]),
                int(offsets[stop - 1, 1]),
                self.labels[label],
                self.calibration.probability(evidence),
            )
            for first, stop, label, evidence in self.runs(logits)
        ]

    def runs(self, logits: np.ndarray) -> list[Run]:
        """Give (first token, token after the last, label number, evidence) of each span.

        The evidence is the logarithm of the probability that each token has the tag it was given, and the one
        after the span does not go on with it, as if tokens did not depend on one another; the calibration mends
        what that misses.
        """
        logits = np.asarray(logits, dtype=np.float64).copy()
        logits[:, OUTSIDE] += self.outside_bias
        tags = best_tags(logits)
        runs = runs_of_tags(tags)
        if not runs:
            return []
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities = powers / powers.sum(axis=1, keepdims=True)
        logs = np.log(np.maximum(probabilities, 1e-12))
        return [(*run, self._evidence(run, tags, probabilities, logs)) for run in runs]

    def _evidence(
        self, run: tuple[int, int, int], tags: np.ndarray, probabilities: np.ndarray, logs: np.ndarray
    ) -> float:
        first, stop, label = run
        evidence = logs[np.arange(first, stop), tags[first:stop]].sum()
        if stop < len(tags):
            evidence += np.log(max(1 - probabilities[stop, 2 + 2 * label], 1e-12))
        return float(evidence)


def places(spans: Sequence[ScoredSpan]) -> list[list[Any]]:
    """Give spans as the task's targets: [start, end, label]."""
    return [[span.start, span.end, span.label] for span in spans]
