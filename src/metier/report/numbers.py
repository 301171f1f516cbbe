"""Numbers as a reader wants them: with their unit, and with no more digits than they deserve."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from metier import figures
from metier.figures import two_digits

NOTHING = "–"
MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
# Below this half-width of the interval, in points, a tenth of a point still says something.
TENTHS_DESERVED_POINTS = 5.0


@dataclass(frozen=True)
class Scale:
    """How the figures of one metric are written: fractions as percentages, everything else as it is.

    Parameters
    ----------
    is_fraction, higher_is_better : bool
    """

    is_fraction: bool = True
    higher_is_better: bool = True

    @property
    def factor(self) -> float:
        """What a figure is multiplied by to be written."""
        return 100.0 if self.is_fraction else 1.0

    @property
    def upward(self) -> float:
        """1, or -1 for an error: pictures show figures times this, so that further up is better."""
        return 1.0 if self.higher_is_better else -1.0

    def tick(self, number: float) -> str:
        """Write what stands at a mark of an axis, drawn upwards and multiplied by `factor` already."""
        return f"{number * self.upward:zg}"  # An error of 0 is drawn at -0.

    @property
    def unit(self) -> str:
        """What stands behind a figure, with the space before it."""
        return " %" if self.is_fraction else ""

    def decimals(self, interval: Mapping[str, float] | None) -> int:
        """Give the decimals that a figure with such an interval deserves."""
        if self.is_fraction:
            return decimals_deserved(interval)
        width = (interval["high"] - interval["low"]) / 2 if interval else 0.0
        return min(max(math.ceil(-math.log10(width)) + 1, 0), 4) if width > 0 else 2

    def bare(self, figure: float | None, decimals: int) -> str:
        """Write a figure without its unit."""
        return NOTHING if figure is None else f"{figure * self.factor:z.{decimals}f}"

    def whole(self, figure: float | None, decimals: int) -> str:
        """Write a figure with its unit."""
        return NOTHING if figure is None else self.bare(figure, decimals) + self.unit

    def bounds(self, interval: Mapping[str, float], decimals: int) -> str:
        """Write the ends of an interval: `[93.2, 94.9]`."""
        return f"[{self.bare(interval['low'], decimals)}, {self.bare(interval['high'], decimals)}]"

    def signed(self, difference: float) -> str:
        """Write a difference with its sign."""
        if self.is_fraction:
            return signed_points(difference)
        return f"{'−' if difference < 0 else '+'}{abs(difference):.3g}" if difference else "0"

    def gap(self, difference: float) -> str:
        """Write how far apart two figures are, without a unit: `0.7`."""
        return points(difference) if self.is_fraction else f"{difference:.3g}"


def scale_of(report: Mapping[str, Any], metric: str) -> Scale:
    """Give how a metric of a report is written; reports before there were other metrics hold fractions only."""
    return Scale(**report.get("metrics", {}).get(metric, {}))


def decimals_deserved(interval: Mapping[str, float] | None) -> int:
    """Give the number of decimals, 0 or 1, that percentages with such an interval deserve."""
    if interval is None:
        return 1
    return 1 if (interval["high"] - interval["low"]) * 50 <= TENTHS_DESERVED_POINTS else 0


def points(fraction: float | None, decimals: int = 1) -> str:
    """Write a fraction as a bare percentage: 0.941 is `94.1`."""
    return NOTHING if fraction is None else f"{fraction * 100:z.{decimals}f}"


def percent(fraction: float | None, decimals: int = 1) -> str:
    """Write a fraction with its unit: 0.941 is `94.1 %`."""
    return NOTHING if fraction is None else f"{points(fraction, decimals)} %"


def chance(probability: float) -> str:
    """Write a probability that was counted in samples: `33 %`, `< 1 %`."""
    return "< 1 %" if probability < 0.01 else percent(probability, 0)


def confidence(value: float) -> str:
    """Write a threshold of confidence, rounded down; near 1 with as many digits as tell it from 1.

    Examples
    --------
    >>> [confidence(value) for value in (0.8021, 0.9987, 0.99962, 1.0)]
    ['0.802', '0.998', '0.9996', '1.000']
    """
    short = 1 - value
    decimals = 3 if short >= 0.001 or short <= 0 else min(7, math.ceil(-math.log10(max(short, 1e-7))))
    return f"{math.floor(value * 10**decimals + 1e-9) / 10**decimals:.{decimals}f}"


def bounds(interval: Mapping[str, float], decimals: int = 1) -> str:
    """Write the ends of an interval of fractions: `[93.2, 94.9]`."""
    return f"[{points(interval['low'], decimals)}, {points(interval['high'], decimals)}]"


def signed_points(difference: float, decimals: int = 1) -> str:
    """Write a difference of fractions in points, with its sign: `+0.3`, `−1.2`."""
    text = f"{abs(difference) * 100:.{decimals}f}"
    if not float(text):
        return text
    return f"{'−' if difference < 0 else '+'}{text}"


def milliseconds(value: float | None) -> str:
    """Write a duration of milliseconds with two digits: `0.31 ms`, `1.7 ms`, `140 ms`, `2.1 s`."""
    return NOTHING if value is None else figures.milliseconds(value)


def bare_milliseconds(value: float | None) -> str:
    """Write a duration for a column whose head says milliseconds: `0.31`, `1.7`, `2,100`."""
    return NOTHING if value is None else two_digits(value)


def seconds(value: float | None) -> str:
    """Write a duration of seconds in the units people use: `0.4 s`, `48 s`, `7 min 12 s`, `1 h 05 min`."""
    return NOTHING if value is None else figures.duration(value)


def size(n_bytes: float | None) -> str:
    """Write a size on disk: `820 B`, `410 KB`, `24 MB`, `1.2 GB` (powers of ten, as disks are sold)."""
    return NOTHING if n_bytes is None else figures.size(n_bytes)


def count(value: float | None) -> str:
    """Write a count exactly, its thousands apart: `10,003`."""
    return NOTHING if value is None else f"{value:,.0f}"


def rate(value: float | None) -> str:
    """Write a measured rate with two digits: 6,913 rows/s is `6,900`."""
    return NOTHING if value is None else two_digits(value)


def core_time(rows_per_second: float | None) -> str:
    """Write how long one core takes for 1,000 answers in batches: `52 ms`, `1.9 s`, `4 min 10 s`."""
    if not rows_per_second:
        return NOTHING
    needed = 1000 / rows_per_second
    return milliseconds(needed * 1000) if needed < 10 else seconds(needed)


def ratio(value: float) -> str:
    """Write how many times one thing is another: `1.7`, `14`."""
    return two_digits(value)


def p_value(value: float | None) -> str:
    """Write a p-value: `p = 0.62`, `p = 0.004`, `p < 0.001`."""
    if value is None:
        return "p unknown"
    if value < 0.001:
        return "p < 0.001"
    return f"p = {value:.2f}" if value >= 0.0095 else f"p = {value:.3f}"


def day(moment: str, language: str = "en") -> str:
    """Write an ISO moment for people: `22 November 2026, 10:15`; what is not an ISO moment stays as it is."""
    try:
        parsed = datetime.fromisoformat(moment)
    except ValueError:
        return moment
    # Month names by hand: `%B` would follow the reader's locale into the middle of an English page.
    zone = " UTC" if parsed.utcoffset() == timedelta(0) else ""
    if language == "zh":
        return f"{parsed.year} 年 {parsed.month} 月 {parsed.day} 日 {parsed:%H:%M}{zone}"
    return f"{parsed.day} {MONTHS[parsed.month - 1]} {parsed.year}, {parsed:%H:%M}{zone}"


def plain(value: Any, say: Callable[[str], str] = str) -> str:
    """Write a setting or a fact of any kind on one line; `say` gives our own words in the reader's language."""
    if value is None:
        return say("none")
    if isinstance(value, bool):
        return say("yes" if value else "no")
    if isinstance(value, float):
        return f"{value:z.4g}" if abs(value) < 1e5 else f"{value:,.0f}"
    if isinstance(value, int):
        # A year or a seed needs no comma; a count of weights does.
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {plain(item, say)}" for key, item in value.items()) or say("none")
    if isinstance(value, list | tuple):
        sign = "; " if any(isinstance(item, Mapping | list | tuple) for item in value) else ", "
        return sign.join(plain(item, say) for item in value) or say("none")
    return str(value)
