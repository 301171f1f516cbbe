"""What goes wrong while a model trains, by losses and gradients: divergence, exploding or vanishing gradients, plateaus.

The rules are stated here, and each is tested by making it happen. What to do about it is `recovery`'s.
"""

import math
from collections import deque
from dataclasses import dataclass
from statistics import fmean, median
from typing import Literal

Trouble = Literal["divergence", "exploding_gradients", "vanishing_gradients", "plateau"]
GOES_BACK: frozenset[str] = frozenset({"divergence", "exploding_gradients"})

WINDOW = 20  # Steps of a mean loss.
TIMES_THE_BEST = 2.0  # A mean loss so many times the best one, and above the first, is divergence;
TIMES_THE_FIRST = 10.0  # so are losses so many times the very first one,
HIGH_STEPS = 5  # when so many in succession are.
NEGLIGIBLE_LOSS = 0.05  # Below it neither a rise nor small gradients mean anything.
TIMES_THE_USUAL = 100.0  # A norm of the gradient so many times the median so far has exploded,
EXPLODED_STEPS = 5  # when so many in succession have.
VANISHED = 1e-6  # A norm of the gradient below that teaches nothing,
VANISHED_STEPS = 20  # when so many in succession are.
LEAST_GAIN = 0.001  # Share of the loss by which an epoch has to be better than the one before,
FLAT_EPOCHS = 3  # or it is a plateau when so many in succession are not.
MOST_NORMS = 200


@dataclass
class TrainingWatch:
    """Looks at each step and each epoch.

    One is made anew where training goes back.
    """

    def __post_init__(self) -> None:
        self._losses: deque[float] = deque(maxlen=WINDOW)
        self._norms: deque[float] = deque(maxlen=MOST_NORMS)
        self._first: float | None = None
        self._best = math.inf
        self._start: float | None = None
        self._high = self._exploded = self._vanished = self._flat = 0
        self._last_epoch: float | None = None

    def after_step(self, loss: float, norm: float) -> Trouble | None:
        """Give what is wrong.

        Parameters
        ----------
        loss : float
            Mean loss of the step.
        norm : float
            Of the gradient, before it was clipped.
        """
        if not math.isfinite(loss):
            return "divergence"
        if not math.isfinite(norm):
            return "exploding_gradients"
        return self._diverged(loss) or self._gradient(loss, norm)

    def _diverged(self, loss: float) -> Trouble | None:
        self._start = loss if self._start is None else self._start
        self._high = self._high + 1 if loss > TIMES_THE_FIRST * max(self._start, NEGLIGIBLE_LOSS) else 0
        if self._high >= HIGH_STEPS:
            return "divergence"
        self._losses.append(loss)
        if len(self._losses) < WINDOW:
            return None
        mean = fmean(self._losses)
        self._first = mean if self._first is None else self._first
        self._best = min(self._best, mean)
        is_high = mean > TIMES_THE_BEST * max(self._best, NEGLIGIBLE_LOSS)
        return "divergence" if is_high and mean > self._first else None

    def _gradient(self, loss: float, norm: float) -> Trouble | None:
        usual = median(self._norms) if len(self._norms) >= WINDOW else math.inf
        self._exploded = self._exploded + 1 if norm > TIMES_THE_USUAL * usual else 0
        self._vanished = self._vanished + 1 if norm < VANISHED and loss > NEGLIGIBLE_LOSS else 0
        if not self._exploded:
            self._norms.append(norm)
        if self._exploded >= EXPLODED_STEPS:
            return "exploding_gradients"
        return "vanishing_gradients" if self._vanished == VANISHED_STEPS else None

    def after_epoch(self, loss: float) -> Trouble | None:
        """Give what is wrong by the mean training loss of an epoch."""
        before, self._last_epoch = self._last_epoch, loss
        is_flat = before is not None and loss > NEGLIGIBLE_LOSS and loss > before * (1 - LEAST_GAIN)
        self._flat = self._flat + 1 if is_flat else 0
        if self._flat < FLAT_EPOCHS:
            return None
        self._flat = 0
        return "plateau"
