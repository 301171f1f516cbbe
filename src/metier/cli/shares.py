"""Options that are numbers of a range, or a share from 0 to 1."""

import math
from typing import Any

import click


class NumberRange(click.FloatRange):
    """A number of a range; what is not a number is refused as well, which passes any comparison."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read the number."""
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!s} is not in the range {self._describe_range()}.", param, ctx)
        return number


class Share(click.FloatRange):
    """A number from 0 to 1; what is not a number is refused as well, which passes any comparison."""

    name = "share"

    def __init__(self) -> None:
        super().__init__(0, 1)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read the number."""
        try:
            number = float(value)
        except ValueError:
            number = -1.0
        if not 0 <= number <= 1:
            self.fail(f"{str(value)!r} is no number from 0 to 1. Give one such as 0.8.", param, ctx)
        return number
