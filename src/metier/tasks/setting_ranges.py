"""Settings of a method that are out of range, told all together."""

from collections.abc import Mapping, Sequence
from typing import Any

from metier.errors import SettingsError


def check_ranges(
    method: Any,
    *,
    choices: Mapping[str, Sequence[str]] | None = None,
    above_zero: Sequence[str] = (),
    counts: Sequence[str] = (),
    more: Sequence[str] = (),
) -> None:
    """Refuse what a method was set to where it cannot be.

    Parameters
    ----------
    method : estimator
        Of the catalogue: it has a `name`.
    choices : mapping of str to sequence of str
        The words that each of these settings takes, besides None.
    above_zero : sequence of str
        Settings that are None or a number above 0.
    counts : sequence of str
        Settings that are a number from 1 on.
    more : sequence of str
        Faults that the method found by itself.

    Raises
    ------
    SettingsError
        With every fault.
    """
    faults = []
    for setting, known in (choices or {}).items():
        value = getattr(method, setting)
        if value is not None and value not in known:
            faults.append(f"{setting} is {value!r}, expected None or one of {', '.join(known)}")
    for setting in above_zero:
        value = getattr(method, setting)
        if value is not None and not value > 0:
            faults.append(f"{setting} is {value!r}, expected None or a number above 0")
    for setting in counts:
        value = getattr(method, setting)
        if value < 1:
            faults.append(f"{setting} is {value!r}, expected a number above 0")
    if faults or more:
        raise SettingsError([*faults, *more], origin=f"The settings of {method.name}")
