"""What the settings of the encoder may be, and the learning rate where none is set."""

from typing import Any

from metier.bases.adaptation import check_fits, faults_of, parse_adaptation
from metier.bases.base import Base
from metier.bases.known_bases import resolve_base
from metier.errors import SettingsError
from metier.export.precision_choice import PRECISIONS
from metier.training.learning_rate import default_learning_rate as default_learning_rate
from metier.training.objectives.composition import objective_faults


def check_settings(method: Any) -> None:
    """Refuse settings of a method that fine-tunes which cannot work, all at once; it need not have them all.

    Raises
    ------
    SettingsError
        With a sentence for each fault.
    """
    faults = []
    for setting in ("epochs", "token_budget", "accumulate", "stop_epoch", "patience"):
        value = getattr(method, setting, None)
        if value is not None and (value != int(value) or value < 1):
            faults.append(f"{setting} is {value!r}, expected a whole number above 0")
    for setting in ("learning_rate", "clip", "time_limit_minutes", "C", "temperature", "ranking_temperature"):
        value = getattr(method, setting, None)
        if value is not None and not value > 0:
            faults.append(f"{setting} is {value!r}, expected None or a number above 0")
    for setting in ("warmup_fraction", "label_smoothing", "dropout"):
        value = getattr(method, setting, None)
        if value is not None and not 0 <= value < 1:
            faults.append(f"{setting} is {value!r}, expected a number from 0 up to but not including 1")
    if not 0 < method.layer_decay <= 1:
        faults.append(f"layer_decay is {method.layer_decay!r}, expected a number above 0 and up to 1")
    if not method.weight_decay >= 0:
        faults.append(f"weight_decay is {method.weight_decay!r}, expected 0 or more")
    if method.stop_epoch is not None and method.stop_epoch > method.epochs:
        faults.append(f"stop_epoch is {method.stop_epoch}, expected at most epochs, {method.epochs}")
    if method.precision not in PRECISIONS:
        faults.append(f"precision is {method.precision!r}, expected one of {', '.join(PRECISIONS)}")
    faults += objective_faults(method)
    faults += adaptation_faults(method)
    if faults:
        raise SettingsError(faults, origin=f"The settings of {method.name}")


def adaptation_faults(method: Any) -> list[str]:
    """Give what is wrong with the adaptation of a method, whatever its base."""
    text = getattr(method, "adaptation", "full")
    faults = faults_of(text)
    if not faults and parse_adaptation(text).kind == "head" and not getattr(method, "has_head", True):
        return ["adaptation is 'head', and this method has no head that trains. Take 'top:1' or 'lora:8'"]
    return faults


def resolve_base_of(method: Any, *, language: str | None) -> Base:
    """Find the base of a method, and refuse an adaptation it has no room for; see `bases.resolve_base`."""
    base = resolve_base(method.base, language=language)
    check_fits(method.adaptation, base)
    return base
