"""The label that means "none of these relations"."""

from collections.abc import Sequence

from metier.errors import DataError

# Spellings of the label "none of these relations"; the first that occurs is taken.
NEGATIVE_LABELS = (
    "no_relation",
    "no relation",
    "other",
    "none",
    "na",
    "n/a",
    "unknown",
    "unrelated",
    "negative",
    "无关系",
    "无",
    "其他",
    "未知",
)


def find_negative_label(labels: Sequence[str], *, stated: str | None = None) -> str | None:
    """Give the label that means no relation: the stated one, else the first known spelling, else None.

    Raises
    ------
    DataError
        If the stated label is not among the labels.
    """
    if stated is not None and stated not in labels:
        raise DataError(
            f"{stated!r} was named as the label of no relation, but the rows have: "
            f"{', '.join(map(repr, labels))}. Name one of these."
        )
    spelled = {str(label).strip().casefold(): label for label in labels}
    return stated or next((spelled[word] for word in NEGATIVE_LABELS if word in spelled), None)
