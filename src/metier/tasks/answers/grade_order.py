"""The order of ordinal labels: as stated, of numbers, or of a common scale."""

from collections.abc import Sequence

from metier.errors import DataError

# Scales with an undisputed order; labels that are some of the words of one scale stand in its order.
SCALES = (
    ("very negative", "negative", "neutral", "positive", "very positive"),
    ("bearish", "neutral", "bullish"),
    ("very low", "low", "medium", "high", "very high"),
    ("low", "moderate", "high", "severe", "critical"),
    ("none", "mild", "moderate", "severe"),
    ("minor", "major", "critical"),
    ("very bad", "bad", "poor", "fair", "good", "very good", "excellent"),
    ("terrible", "bad", "okay", "good", "great"),
    ("strongly disagree", "disagree", "neutral", "agree", "strongly agree"),
    ("never", "rarely", "sometimes", "often", "always"),
    ("small", "medium", "large"),
    ("beginner", "intermediate", "advanced", "expert"),
    ("d", "c", "b", "a"),
    ("c", "cc", "ccc", "b", "bb", "bbb", "a", "aa", "aaa"),
    ("非常差", "差", "一般", "好", "非常好"),
    ("低", "中", "高"),
    ("负面", "中性", "正面"),
    ("消极", "中性", "积极"),
    ("差评", "中评", "好评"),
    ("非常不满意", "不满意", "一般", "满意", "非常满意"),
    ("不及格", "及格", "中等", "良好", "优秀"),
)


def order_of(labels: Sequence[str], *, order: Sequence[str] | None = None) -> tuple[str, ...]:
    """Put labels in order, from the lowest to the highest.

    Parameters
    ----------
    labels : sequence of str
        The different labels of the rows.
    order : sequence of str, optional
        The stated order; it may name grades that no row has, which are then left out. None: by their number where
        all labels are numbers, else by the scale in `SCALES` that holds them all.

    Raises
    ------
    DataError
        If the order cannot be known, or a stated one leaves out a label or names one twice.
    """
    if order is not None:
        return _as_stated(labels, [str(label) for label in order])
    numbers = [_as_number(label) for label in labels]
    if all(number is not None for number in numbers) and len(set(numbers)) == len(labels):
        return tuple(
            label for _, label in sorted(zip(numbers, labels, strict=True), key=lambda pair: pair[0] or 0.0)
        )
    found = [_by_scale(labels, scale) for scale in SCALES]
    known = {ordered for ordered in found if ordered}
    if len(known) == 1:
        return known.pop()
    why = "two scales order them differently" if known else "no known scale contains all of them"
    raise DataError(
        f"Ordinal labels need an order, and that of {', '.join(map(repr, labels))} is not known: {why}. "
        f"State it, the lowest first: --order {','.join(labels)} (order={list(labels)!r} in Python), or "
        "ignore the order with --task classification."
    )


def _as_stated(labels: Sequence[str], order: Sequence[str]) -> tuple[str, ...]:
    missing = sorted(set(labels) - set(order))
    twice = sorted({label for label in order if order.count(label) > 1})
    if missing or twice:
        fault = f"names {twice[0]!r} twice" if twice else f"leaves out {', '.join(map(repr, missing))}"
        raise DataError(
            f"The stated order {' < '.join(order)} {fault}. Name every grade of the rows once, the lowest first."
        )
    return tuple(label for label in order if label in set(labels))


def _as_number(label: str) -> float | None:
    try:
        number = float(label)
    except ValueError:
        return None
    return number if number == number and abs(number) != float("inf") else None


def _by_scale(labels: Sequence[str], scale: Sequence[str]) -> tuple[str, ...] | None:
    place = {word: position for position, word in enumerate(scale)}
    spelled = {label: place.get(_spelling(label)) for label in labels}
    places = [position for position in spelled.values() if position is not None]
    if len(set(places)) < len(labels):
        return None
    return tuple(sorted(labels, key=lambda label: spelled[label] or 0))


def _spelling(label: str) -> str:
    return " ".join(label.casefold().replace("_", " ").replace("-", " ").split())
