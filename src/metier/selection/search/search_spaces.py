"""What a search may change of a method that fine-tunes, and between which bounds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from metier.training.optimizer_names import FACTORS


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included.

    Parameters
    ----------
    is_log : bool
        Whether a tenth and ten times are as far from the middle; else a tenth less and more.
    """

    low: float
    high: float
    is_log: bool = False


@dataclass(frozen=True)
class OneOf:
    """One of some values."""

    values: tuple[Any, ...]


Space = Mapping[str, Range | OneOf]

# Between the rates at which small encoders hardly move and those at which they fall apart.
OF_ENCODERS: Space = {
    "learning_rate": Range(5e-5, 5e-4, is_log=True),
    "layer_decay": Range(0.75, 1.0),
    "token_budget": OneOf((512, 1024, 2048)),
    "dropout": Range(0.0, 0.2),
    "label_smoothing": Range(0.0, 0.2),
    "weight_decay": Range(0.001, 0.1, is_log=True),
}


# Where asked for: a rate that is drawn is AdamW's, and becomes that of the optimizer by its factor.
OF_OPTIMIZERS: Space = {
    "optimizer": OneOf(("adamw", "lion", "adafactor")),
    "schedule": OneOf(("linear", "cosine", "one_cycle")),
}


def space_of(method: Any, *, optimizers: bool = False) -> dict[str, Range | OneOf]:
    """Give what may be changed of a method: of the settings of encoders those that it has.

    Parameters
    ----------
    optimizers : bool, default=False
        Whether the optimizer and the schedule of its rate may be, too.
    """
    own = method.get_params(deep=False)
    every = {**OF_ENCODERS, **(OF_OPTIMIZERS if optimizers else {})}
    return {name: choice for name, choice in every.items() if name in own}


def propose(trial: Any, space: Space) -> dict[str, Any]:
    """Draw a value for each setting of a space.

    Parameters
    ----------
    trial : optuna.Trial
        Proposes the values by what others came to.
    """
    found = {name: _suggest(trial, name, choice) for name, choice in space.items()}
    if {"optimizer", "learning_rate"} <= found.keys():
        found["learning_rate"] *= FACTORS[found["optimizer"]].rate
    return _rounded(found)


def _suggest(asked: Any, name: str, choice: Range | OneOf) -> Any:
    if isinstance(choice, OneOf):
        return asked.suggest_categorical(name, choice.values)
    return asked.suggest_float(name, choice.low, choice.high, log=choice.is_log)


def _rounded(params: Mapping[str, Any]) -> dict[str, Any]:
    """Two digits are all that a search on some hundred rows can tell apart, and all that anybody reads."""
    return {
        name: float(f"{value:.2g}") if isinstance(value, float) else value for name, value in params.items()
    }
