"""What every search for an answer stands over: a model that reads prompts and gives one token after the other."""

from collections.abc import Collection, Sequence
from typing import Any, Protocol

import numpy as np


class StepwiseModel(Protocol):
    """A model that writes token by token, several rows side by side.

    A state is what the model keeps of what it has read (keys and values of its attention, mostly). Only the model knows
    what is in it; a state that was given is never changed, so that several answers can go on from one.
    """

    def start(self, prompts: Sequence[Sequence[int]]) -> tuple[np.ndarray, Any]:
        """Read the prompts.

        Returns
        -------
        logits : ndarray of shape (n_rows, n_tokens)
            Of the first token of each answer.
        state
            What was read.
        """
        ...

    def advance(self, tokens: Sequence[int], state: Any) -> tuple[np.ndarray, Any]:
        """Read one more token of each row; gives what `start` gives."""
        ...

    def select(self, state: Any, rows: Sequence[int]) -> Any:
        """Give the state of these rows, in this order; a row may be left out, or stand several times."""
        ...


class Constraint(Protocol):
    """Which tokens an answer may go on with. Safe to share between threads."""

    def allowed(self, answer: Sequence[int]) -> Collection[int] | np.ndarray | None:
        """Give the token ids that may follow what is written, the end token among them where the answer may end.

        None: any token.
        """
        ...
