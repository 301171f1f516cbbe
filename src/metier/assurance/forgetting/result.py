"""What the forgetting gate says of a bundle."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from metier.assurance.forgetting.judging import ALL, PASSES, ForgettingSettings, JudgedItem, judge_items
from metier.assurance.forgetting.measuring import measure_forgetting
from metier.assurance.subject import Subject
from metier.assurance.verdict import CANNOT_TELL, FAIL, PASS


@dataclass(frozen=True)
class Forgotten:
    """What is lost and what is kept.

    Parameters
    ----------
    judged : tuple of JudgedItem
        All rows first.
    settings : ForgettingSettings
    level : float
        Of the whole, 0 to 1.
    new_labels : mapping of str to (int, int)
        Labels that the old bundle does not know: rows that the new one has right, and all of them.
    not_judged : tuple of str
        Items with too few rows.
    """

    judged: tuple[JudgedItem, ...]
    settings: ForgettingSettings
    level: float
    new_labels: dict[str, tuple[int, int]]
    not_judged: tuple[str, ...] = ()

    @property
    def outcome(self) -> str:
        """Pass, fail or cannot tell: the worst of the items."""
        found = {one.outcome for one in self.judged}
        return FAIL if FAIL in found else CANNOT_TELL if CANNOT_TELL in found else PASS

    @property
    def may_go_live(self) -> bool:
        """Whether nothing is shown to fall, and what cannot be told does not block."""
        if self.outcome != CANNOT_TELL:
            return self.outcome == PASS
        is_open = any(one.outcome == CANNOT_TELL and one.item.kind == ALL for one in self.judged)
        return self.settings.cannot_tell == PASSES and not is_open

    @property
    def more_rows(self) -> int | None:
        """About how many further rows of every item would decide all of them: the most that one needs."""
        needed = [one.more_rows for one in self.judged if one.outcome == CANNOT_TELL]
        return None if not needed or None in needed else max(one for one in needed if one is not None)

    def as_dict(self) -> dict[str, Any]:
        """Give it as plain values, for JSON and for the manifest of the bundle."""
        return {
            "verdict": self.outcome,
            "may_go_live": self.may_go_live,
            "level": self.level,
            "settings": self.settings.model_dump(),
            "counts": dict(Counter(one.outcome for one in self.judged)),
            "items": [one.as_dict() for one in self.judged],
            "not_judged": list(self.not_judged),
            "new_labels": {
                label: {"right": right, "rows": rows} for label, (right, rows) in self.new_labels.items()
            },
        }


def forgotten(
    old: Subject, new: Subject, settings: ForgettingSettings | None = None, *, level: float = 0.95
) -> Forgotten:
    """Say what a bundle has forgotten that another one knew.

    Parameters
    ----------
    old, new : Subject
        With the same labelled rows, that neither was trained on.
    settings : ForgettingSettings, optional
    level : float, default=0.95
        1 - level is the probability of a wrong pass, and that of a wrong fail.
    """
    how = settings or ForgettingSettings()
    measured = measure_forgetting(old, new, how)
    few = [one for one in measured.items if one.kind != ALL and one.counts.rows < how.least_rows]
    judged = judge_items([one for one in measured.items if one not in few], level=level)
    return Forgotten(judged, how, level, measured.new_labels, tuple(one.name for one in few))
