"""Numbers as people read them: with their units, and no more digits than they deserve."""


def percentage(value: float, low: float | None = None, high: float | None = None, *, digits: int = 1) -> str:
    """Write a share from 0 to 1, with its interval where there is one: `93.9 % [93.0, 94.7]`."""
    written = f"{100 * value:.{digits}f} %"
    if low is None or high is None:
        return written
    return f"{written} [{100 * low:.{digits}f}, {100 * high:.{digits}f}]"


def milliseconds(value: float) -> str:
    """Write a latency given in milliseconds with two digits: `0.31 ms`, `12 ms`, `140 ms`, `2.1 s`."""
    return f"{two_digits(value / 1000)} s" if value >= 1000 else f"{two_digits(value)} ms"


def size(size_bytes: float) -> str:
    """Write a size: `812 B`, `1.5 KB`, `23 MB`, `4.2 GB`."""
    for unit in ("B", "KB", "MB", "GB"):
        if size_bytes < 999.5 or unit == "GB":
            break
        size_bytes /= 1000
    return f"{_significant(size_bytes) if unit != 'B' else int(size_bytes)} {unit}"


def count(number: float) -> str:
    """Write a count: `1,200`."""
    return f"{round(number):,}"


def count_of(number: int, noun: str, plural: str | None = None) -> str:
    """Write a count with its noun: `1 row`, `1,204 rows`; a plural that is not made with an s is given."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def duration(seconds: float) -> str:
    """Write a duration: `< 0.1 s`, `0.3 s`, `12 s`, `6 min`, `1 min 30 s`, `2 h 05 min`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s" if seconds >= 0.05 else "< 0.1 s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 600:
        return f"{whole // 60} min {whole % 60:02d} s" if whole % 60 else f"{whole // 60} min"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def two_digits(value: float) -> str:
    """Round to two significant digits, integers from ten up: `0.31`, `1.7`, `6,900`."""
    if value == 0:
        return "0"
    rounded = float(f"{value:.2g}")
    if rounded >= 10:
        return f"{rounded:,.0f}"
    return f"{rounded:.1f}" if rounded >= 1 else f"{rounded:.2g}"


def _significant(value: float) -> str:
    """Two digits below ten, whole numbers from there on: more would claim what was not measured."""
    if value >= 9.95:
        return f"{round(value):,}"
    return f"{value:.1f}" if value >= 0.095 else f"{value:.2g}"
