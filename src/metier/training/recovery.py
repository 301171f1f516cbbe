"""What training does about what goes wrong: back to the last good weights with a lower rate, or smaller pieces of a batch.

Divergence and exploding gradients: the weights of the last good moment (the start, or the end of an epoch) come back, the
optimizer begins anew and the learning rate is a quarter of what it was; after the third time training gives up. An epoch is
good whose loss is at most the best one's; the first, if it is at most twice the very first loss. A plateau halves the rate.
Vanishing gradients are said, as no rate helps. A batch that the memory does not hold is computed in halves, which gives the
same step. What happened is in the outcome.
"""

import copy
import math
from collections.abc import Callable
from typing import Any

import torch

from metier.errors import TrainingError
from metier.training.training_watch import GOES_BACK, TrainingWatch, Trouble

LOWER_RATE, ON_A_PLATEAU = 0.25, 0.5
FIRST_MAY_BE = 2.0  # Times the first loss.
MOST_RETURNS = 3
NO_MEMORY = ("can't allocate memory", "not enough memory", "out of memory", "std::bad_alloc")

Weights = dict[str, torch.Tensor]


class Recovery:
    """Watches a training and mends it.

    Parameters
    ----------
    learned : callable
        Gives the weights that train.
    put_back : callable
        Puts such weights into the model.
    optimizer : Optimizer
        Its state is cleared where training goes back.
    """

    def __init__(
        self,
        learned: Callable[[], Weights],
        put_back: Callable[[Weights], None],
        optimizer: torch.optim.Optimizer,
    ):
        self._learned, self._put_back, self._optimizer = learned, put_back, optimizer
        self._watch = TrainingWatch()
        self._lowest = math.inf  # Mean loss of the best epoch, or what the first may have.
        self._good: tuple[Weights, dict[str, Any]] | None = None

    def keep(self, place: Any) -> None:
        """Keep weights and place as good, to come back to."""
        weights = {name: weight.detach().clone() for name, weight in self._learned().items()}
        self._good = weights, copy.deepcopy(vars(place))

    def after_step(self, place: Any, loss: float, norm: float) -> bool:
        """Look at a step; gives whether training went back, so that the step must not be taken.

        Raises
        ------
        TrainingError
            If it has gone back as often as it may.
        """
        trouble = self._watch.after_step(loss, norm)
        if trouble is None:
            self._lowest = FIRST_MAY_BE * loss if math.isinf(self._lowest) else self._lowest
            return False
        if trouble not in GOES_BACK:
            self._note(place, trouble)
            return False
        self._go_back(place, trouble)
        return True

    def after_epoch(self, place: Any, loss: float) -> None:
        """Look at an epoch, and keep its weights as good."""
        trouble = self._watch.after_epoch(loss)
        if trouble is not None:
            place.rate_factor *= ON_A_PLATEAU
            self._note(place, trouble)
        if loss <= self._lowest:
            self._lowest = loss
            self.keep(place)

    def split(self, place: Any, error: BaseException, *, n_rows: int) -> bool:
        """Halve the pieces of a batch where an error says that memory is short; gives whether that may help."""
        is_short = isinstance(error, MemoryError) or any(sign in str(error).lower() for sign in NO_MEMORY)
        if not is_short or place.pieces >= n_rows:
            return False
        place.pieces *= 2
        self._note(place, "memory")
        return True

    def _go_back(self, place: Any, trouble: Trouble) -> None:
        if place.returns >= MOST_RETURNS or self._good is None:
            raise TrainingError(
                f"Training went wrong again and again ({trouble.replace('_', ' ')} at step {place.step:,}), though it "
                f"began anew {place.returns} times from the last good weights with a quarter of the learning rate. Lower "
                "learning_rate, or choose another optimizer or adaptation; wrong labels and empty texts can cause it, too."
            )
        weights, facts = self._good
        kept = {"returns": place.returns + 1, "pieces": place.pieces, "seconds": place.seconds}
        kept |= {"rate_factor": place.rate_factor * LOWER_RATE, "events": place.events}
        self._note(place, trouble)
        self._put_back(weights)
        self._optimizer.state.clear()
        self._watch = TrainingWatch()
        for name, value in (copy.deepcopy(facts) | kept).items():
            setattr(place, name, value)

    def _note(self, place: Any, what: str) -> None:
        place.events.append({"step": place.step, "what": what})
