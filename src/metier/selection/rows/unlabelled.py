"""`--unlabelled`: texts without labels for the methods that learn from them, and whether these gained by it.

A method that learns from unlabelled rows has a supervised counterpart that does not. It is worth its cost only if the
paired test on the validation rows shows it to be better; otherwise the report states it, and it is not shipped, neither
alone nor as a member of an ensemble.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from metier import catalogue
from metier.data import Rows, Splits, read
from metier.data.duplicates import text_keys
from metier.errors import CallError, DataError, MissingColumnError
from metier.runs.run_folder import Entry, RunFolder
from metier.selection.scores import Figures
from metier.selection.settings import TrainSettings
from metier.text import detect_language, has_words

TASK = "classification"
# In the order of their cost; each names its supervised counterpart.
METHODS = ("self_training.v1", "pretrained_encoder.v1", "consistency_encoder.v1")
LEAST_SHARE = 0.05  # Of the labelled language among the unlabelled texts: below it, it is another collection.
LANGUAGES = {"en": "English", "zh": "Chinese", "other": "another language"}


class Raced(Protocol):
    """What of a race is looked at once its candidates are trained."""

    task: Any
    run: RunFolder

    @property
    def figures(self) -> Figures:
        """How answers to the validation rows are judged."""
        ...

    @property
    def trained(self) -> list[Entry]:
        """The candidates that came through."""
        ...


def read_unlabelled(train: Rows, task: str, settings: TrainSettings) -> tuple[str, ...]:
    """Read the unlabelled texts; none where the settings name none.

    Parameters
    ----------
    task : str
        Name of the task of the labelled rows.

    Raises
    ------
    CallError
        If a candidate needs them and there are none, or the task is another.
    DataError
        If hardly any of them is in the language of the labelled rows.
    """
    named = settings.data.unlabelled
    asked = [catalogue.full_name(name) for name in settings.candidates or ()]
    wanting = [name for name in asked if name in METHODS]
    if named is None:
        if wanting:
            raise CallError(
                f"{', '.join(wanting)} learns from unlabelled rows, but there are none. Give them with --unlabelled FILE."
            )
        return ()
    if task != TASK:
        raise CallError(
            f"Unlabelled rows are learned from for the task {TASK}; the task is {task}. Leave out --unlabelled."
        )
    rows = _read(named, train, settings)
    texts = tuple(dict.fromkeys(text for text in rows.texts if has_words(text)))
    _check_language(texts, train, str(named))
    return texts


def drop_known(texts: Sequence[str], splits: Splits) -> tuple[tuple[str, ...], list[str]]:
    """Leave out what stands in the rows of a split; gives what stays, and what to say."""
    if not texts:
        return (), []
    known = {
        key for part in (splits.train, splits.validation, splits.test) for key in text_keys(part.texts).tolist()
    }
    kept = tuple(text for text, key in zip(texts, text_keys(texts).tolist(), strict=True) if key not in known)
    said = f"--unlabelled brought {len(kept):,} different texts"
    gone = len(texts) - len(kept)
    return kept, [said + (f"; {gone:,} more stand in the labelled rows and were left out" if gone else "")]


def with_unlabelled(names: Sequence[str], *, is_open: bool) -> list[str]:
    """Add, where nobody named candidates, the methods whose supervised counterpart is one; and every counterpart."""
    known = {name: counterpart_of(name) for name in METHODS if name in catalogue.names()}
    added = [name for name, counterpart in known.items() if is_open and counterpart in names]
    return [*names, *added, *(counterpart for name, counterpart in known.items() if name in names)]


def counterpart_of(name: str) -> str:
    """Give the supervised counterpart of a method that learns from unlabelled rows too."""
    counterpart = catalogue.capabilities(name).supervised_counterpart
    assert counterpart is not None  # Asked only of methods that learn from unlabelled rows.
    return counterpart


def without_gain(race: Raced) -> dict[str, str]:
    """Give, for each method that learned from unlabelled rows in vain, the sentence that says so."""
    verdicts = {entry.name: verdict_of(entry.name, race) for entry in race.trained if entry.name in METHODS}
    return {name: sentence for name, (gained, sentence) in verdicts.items() if not gained}


def verdict_of(name: str, race: Raced) -> tuple[bool, str]:
    """Compare a method with its supervised counterpart on the validation rows."""
    counterpart = counterpart_of(name)
    if counterpart not in {entry.name for entry in race.trained}:
        return False, (
            f"{name}: its supervised counterpart {counterpart} was not trained, so it cannot be shown that unlabelled "
            "rows help"
        )
    metric = race.task.primary_metric
    answers = [race.run.answers(one, "validation").predicted for one in (name, counterpart)]
    found = race.figures.compare(metric, *answers)
    points = f"{100 * found.difference:+.1f} points of {metric.replace('_', ' ')}, p = {found.p_value:.2g}"
    if found.verdict == "a is better":
        return True, (
            f"unlabelled rows helped: {name} beats its supervised counterpart {counterpart} on validation ({points})"
        )
    return (
        False,
        f"unlabelled rows were no help to {name}: the paired test on validation does not show it to be better "
        f"than its supervised counterpart {counterpart} ({points}), so it is not shipped",
    )


def said_of(race: Raced) -> list[str]:
    """A sentence for each method that learned from unlabelled rows."""
    return [verdict_of(entry.name, race)[1] for entry in race.trained if entry.name in METHODS]


def _read(named: str, train: Rows, settings: TrainSettings) -> Rows:
    """Read them with the text in the column of the same name as the labelled rows have; else it is inferred."""
    encoding = settings.data.encoding
    try:
        return read(named, text=train.roles.text, label="none", encoding=encoding)
    except MissingColumnError:
        return read(named, label="none", encoding=encoding)


def _check_language(texts: Sequence[str], train: Rows, origin: str) -> None:
    labelled = detect_language(train.texts).main_language
    share = detect_language(texts).shares[labelled] if texts else 0.0
    if share < LEAST_SHARE:
        found = detect_language(texts).main_language if texts else "other"
        raise DataError(
            f"The labelled rows are {LANGUAGES[labelled]}, and {100 * share:.0f} % of the {len(texts):,} texts of "
            f"{origin} are; most are {LANGUAGES[found]}. Give unlabelled texts of the same language, or leave out "
            "--unlabelled."
        )
