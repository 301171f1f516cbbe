"""What a writer learns preferences from, what judges it, and what it answers before and after."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from metier.bundles import Bundle
from metier.compression.rows import read_rows
from metier.continual.update.old_rows import files_of_run
from metier.continual.update.preferences.preference_rows import read_preferences
from metier.errors import DataError, LeakageError
from metier.progress import Listener
from metier.selection.labelled_rows import LabelledRows, labelled_rows
from metier.tasks.inputs.conversation import CONVERSATION
from metier.tasks.preferences import CHOSEN, REJECTED, Preferences
from metier.text.duplicates import text_keys

HELD_FRACTION, FEWEST_HELD = (
    0.2,
    20,
)  # Of the prompts; and how many pairs, or answers with thumbs, judge at least.
MOST_ANSWERED = 60  # Test rows that are answered before and after.


@dataclass(frozen=True)
class PreferenceOptions:
    """How preferences are learned.

    Parameters
    ----------
    by : {"dpo", "reward_weighted", "reinforce"}
    reward : str
        For `reinforce`: a metric against the right answer, or `length:LOW-HIGH`.
    base : str or None
        Start from this base as it came instead of from the bundle's own weights.
    settings : mapping
        As `PreferenceSettings` has them.
    drops_conflicts, drops_leaks : bool
        Whether rows that contradict others, or whose prompts are test rows, are left out instead of refused.
    answered : int
        Most test rows that are answered before and after.
    random_state : int
    """

    by: str = "dpo"
    reward: str = "rouge_l"
    base: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    drops_conflicts: bool = False
    drops_leaks: bool = False
    answered: int = MOST_ANSWERED
    random_state: int = 0


DEFAULTS = PreferenceOptions()


@dataclass(frozen=True)
class Parts:
    """What was read.

    Parameters
    ----------
    learned, held : Preferences
        To learn from, and to judge by.
    asked, truth : list
        What is answered before and after, and what it should be answered with.
    asked_of : str
        What these are.
    notes : tuple of str
    """

    learned: Preferences
    held: Preferences
    asked: list[Any]
    truth: list[Any]
    asked_of: str
    notes: tuple[str, ...]


def read_parts(
    model: Bundle, source: Any, test: Any, options: PreferenceOptions, listener: Listener, how: dict[str, Any]
) -> Parts:
    """Read preferences and test rows, and hold some prompts out."""
    reading = {name: how[name] for name in ("encoding", "delimiter", "header") if how.get(name) is not None}
    found, notes = read_preferences(source, by=options.by, drops=options.drops_conflicts, **reading)
    tested = _tested(model, test, listener, how)
    if tested is not None:
        found, left_out = _without_leaks(found, tested, options)
        notes = (*notes, *left_out)
    learned, held = held_out(found, random_state=options.random_state)
    if tested is None:
        first = held.take(held.first_of_prompts)
        asked, truth, of = list(first.items), list(first.answers), "held-out prompts"
        notes = (
            *notes,
            "no test rows are known, so answers to the held-out prompts are held against the preferred ones",
        )
    else:
        asked, truth, of = (
            list(tested.task.items(tested.rows)),
            list(tested.task.targets(tested.rows)),
            "test rows",
        )
    kept = np.sort(np.random.default_rng(options.random_state).permutation(len(asked))[: options.answered])
    return Parts(learned, held, [asked[one] for one in kept], [truth[one] for one in kept], of, tuple(notes))


def _tested(model: Bundle, test: Any, listener: Listener, how: dict[str, Any]) -> LabelledRows | None:
    """Give rows that the bundle has not learned: those that are named, or those of its run; None: none are known."""
    named = {name: value for name, value in how.items() if value is not None}
    if test is not None:
        return labelled_rows(model, test, listener=listener, **named)
    stated = files_of_run(model)
    if stated is None:
        return None
    if stated[1] is not None:
        return labelled_rows(model, stated[1], listener=listener)
    return read_rows(model, stated[0], listener=listener).test


def _without_leaks(
    found: Preferences, tested: LabelledRows, options: PreferenceOptions
) -> tuple[Preferences, tuple[str, ...]]:
    """Leave out preferences about test rows, or refuse them: what is measured on these rows must not be learned."""
    keys = text_keys(_keyed(tested.task.items(tested.rows)))
    leaked = np.isin(text_keys(_keyed(found.items)), keys)
    if not leaked.any():
        return found, ()
    rows = sorted({int(row) for row in found.rows[leaked]})
    if not options.drops_leaks:
        raise LeakageError(
            f"{len(rows):,} rows of the preferences are about prompts of the test rows (row "
            f"{', '.join(map(str, rows[:5]))}), so what "
            "was gained could not be measured. Leave them out with --drop-leaks. Nothing was changed."
        )
    return found.take(np.flatnonzero(~leaked)), (
        f"{len(rows):,} rows about prompts of the test rows were left out",
    )


def _keyed(items: Sequence[Any]) -> list[str]:
    return ["\n".join(CONVERSATION.shown(item)) for item in items]


def held_out(found: Preferences, *, random_state: int) -> tuple[Preferences, Preferences]:
    """Part prompts into those that are learned from and those that judge: a fifth, more where that would be too few.

    Raises
    ------
    DataError
        If there are too few to judge by.
    """
    kinds = [np.flatnonzero(found.rewards == kind) for kind in (CHOSEN, REJECTED)]
    n_judges = len(found.pairs) or (min(map(len, kinds)) or len(found))
    if n_judges < 2 * FEWEST_HELD:
        raise DataError(
            f"There are {n_judges} preferences to learn from and to judge by, and {2 * FEWEST_HELD} are needed: half of "
            "them at most is held out, and fewer than that show no gain. Give more."
        )
    fraction = max(HELD_FRACTION, FEWEST_HELD / n_judges)
    prompts = np.random.default_rng(random_state).permutation(np.unique(found.prompts))
    if len(prompts) < 2 * FEWEST_HELD:
        raise DataError(
            f"The preferences are about {len(prompts)} prompts, and answers to at least {2 * FEWEST_HELD} are needed: "
            "those of one prompt are never parted. Give answers to more prompts."
        )
    n_held = int(np.ceil(fraction * len(prompts)))
    return found.of_prompts(prompts[n_held:]), found.of_prompts(prompts[:n_held])
