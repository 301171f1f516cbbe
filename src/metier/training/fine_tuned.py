"""What methods that fine-tune an encoder have in common: their settings, and choosing before training on all rows."""

from pathlib import Path
from typing import Any, ClassVar, Self

from sklearn.base import clone
from sklearn.utils import check_random_state

from metier.progress import Listener
from metier.tasks.estimators import TextMethod
from metier.tasks.folds import held_out

# What a fit leaves behind in every one of them.
LEARNED = ("base_", "chosen_params_", "facts_", "_unseen", "_sample")


class FineTuned(TextMethod):
    """A method that fine-tunes an encoder; a special case brings rows, a head and an objective.

    Parameters
    ----------
    base : str, default="auto"
        A folder, a known short name, a hub name; `auto` picks by the language of the texts.
    adaptation : str, default="full"
        What of the base trains: `full`, `head`, `top:2`, `lora:8`, `adalora:8`, `prefix:16`, `prompt:16`, `adapter:48`,
        `bitfit` or `ia3`; see `bases.adaptation`.
    epochs : int, default=3
        Length of the learning-rate schedule.
    stop_epoch : int, default=None
        Stop after this epoch of the schedule and keep its weights; None: the best epoch on validation.
    learning_rate : float, default=None
        Of the head and the uppermost layer, at its peak; None: by the number of steps, see
        `encoder_settings.default_learning_rate`.
    layer_decay : float, default=0.9
        Factor of the learning rate from each layer to the one below.
    warmup_fraction : float, default=0.06
        Share of the steps in which the learning rate rises.
    weight_decay : float, default=0.01
        Not on norms, biases, embeddings and the head.
    token_budget : int, default=1024
        Tokens of a batch, padding included.
    dropout : float, default=0.0
        Of the encoder while it trains.
    accumulate : int, default=1
        Batches for one step.
    clip : float, default=1.0
        Largest norm of the gradient.
    gradient_checkpointing : bool, default=False
        Whether layers are computed again on the way back: less memory, a third more time.
    patience : int, default=None
        Stop after this many epochs that are not better on validation; None: never before the last.
    time_limit_minutes : float, default=None
        The learning rate reaches zero by then, however slow the machine; None: train for all epochs.
    checkpoint_folder : path, default=None
        Keep checkpoints there, and go on from the last one found there.
    precision : {"auto", "fp32", "int8"}, default="auto"
        Of the exported encoder; `auto` keeps INT8 only where it is proved equal and measured faster.
    random_state : int, default=0
    """

    name = "fine_tuned"
    # What a fit leaves behind; a special case adds its own.
    learned: ClassVar[tuple[str, ...]] = LEARNED
    # Whether a head trains with the encoder.
    has_head: ClassVar[bool] = True
    # What its logits mean to an objective, see `training.objectives.answer_kinds`.
    answers: ClassVar[str] = "label"

    def __init__(
        self,
        *,
        base: str = "auto",
        adaptation: str = "full",
        epochs: int = 3,
        stop_epoch: int | None = None,
        learning_rate: float | None = None,
        layer_decay: float = 0.9,
        warmup_fraction: float = 0.06,
        weight_decay: float = 0.01,
        token_budget: int = 1024,
        dropout: float = 0.0,
        accumulate: int = 1,
        clip: float = 1.0,
        gradient_checkpointing: bool = False,
        patience: int | None = None,
        time_limit_minutes: float | None = None,
        checkpoint_folder: str | Path | None = None,
        precision: str = "auto",
        random_state: int = 0,
    ):
        self.base = base
        self.adaptation = adaptation
        self.epochs = epochs
        self.stop_epoch = stop_epoch
        self.learning_rate = learning_rate
        self.layer_decay = layer_decay
        self.warmup_fraction = warmup_fraction
        self.weight_decay = weight_decay
        self.token_budget = token_budget
        self.dropout = dropout
        self.accumulate = accumulate
        self.clip = clip
        self.gradient_checkpointing = gradient_checkpointing
        self.patience = patience
        self.time_limit_minutes = time_limit_minutes
        self.checkpoint_folder = checkpoint_folder
        self.precision = precision
        self.random_state = random_state

    def _fit(self, examples: Any, unseen: Any | None, listener: Listener) -> Self:
        """Train on checked rows; `unseen` are those that choices are made on, None where all is chosen."""
        raise NotImplementedError

    def _choose_then_fit(
        self, examples: Any, split: tuple[Any, Any] | None, unsettled: dict[str, Any], listener: Listener
    ) -> Self:
        """Make the choices on rows that were held out, then train on all with them.

        Parameters
        ----------
        split : (kept, held) or None
            None where nothing can be held out: then nothing can be chosen either.
        unsettled : dict
            What to set in that case, besides training to the end.
        """
        chosen: dict[str, Any] = {"stop_epoch": self.epochs, **unsettled}
        if split is not None:
            chosen = self._sibling("choice")._fit(*split, listener).chosen_params_
        final = self._sibling("all").set_params(**chosen)._fit(examples, None, listener)
        for name in self.learned:
            setattr(self, name, getattr(final, name))
        return self

    def _sibling(self, part: str) -> Self:
        folder = None if self.checkpoint_folder is None else Path(self.checkpoint_folder) / part
        return clone(self).set_params(checkpoint_folder=folder)


def label_split(examples: Any, *, random_state: int) -> tuple[Any, Any] | None:
    """Give rows to learn from and rows to choose on, every label in both; None where a label has one row."""
    split = next(held_out(examples.truth, random=check_random_state(random_state)), None)
    return None if split is None else (examples.take(split[0]), examples.take(split[1]))
