"""How many false alarms are allowed, over all series together."""

import re
from dataclasses import dataclass

from metier.errors import WrongTypeError
from metier.monitoring.series import SECONDS

UNITS = {"day": 86_400, "week": 7 * 86_400, "month": 30 * 86_400, "year": 365 * 86_400}
FORM = re.compile(r"\s*(\d+(?:\.\d+)?)\s*/\s*(day|week|month|year)\s*")


@dataclass(frozen=True)
class FalseAlarms:
    """An allowed rate of false alarms.

    Parameters
    ----------
    number : float
        Above 0.
    unit : {"day", "week", "month", "year"}

    Examples
    --------
    >>> round(FalseAlarms.of("1/week").of_a_test(800, period="day"), 6)
    0.000179
    """

    number: float
    unit: str

    @classmethod
    def of(cls, text: str) -> "FalseAlarms":
        """Read `1/week`; raises `WrongTypeError` for anything else."""
        found = FORM.fullmatch(text)
        if found is None or float(found[1]) <= 0:
            raise WrongTypeError(
                f"The allowed false alarms are {text!r}; expected a number for a day, week, month or year, as 1/week."
            )
        return cls(float(found[1]), found[2])

    def of_a_test(self, n_series: int, *, period: str) -> float:
        """Give the probability that each period of each series may have.

        Expected numbers add up however series depend on one another, so the sum over all of them is what is allowed.
        """
        periods = UNITS[self.unit] / SECONDS[period]
        return min(self.number / periods / n_series, 0.5)

    def __str__(self) -> str:
        return f"{self.number:g}/{self.unit}"
