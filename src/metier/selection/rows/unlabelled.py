"""`--unlabelled`: unlabelled texts for the semi-supervised methods."""

from collections.abc import Sequence

from metier import catalogue
from metier.data import Rows, Splits, read
from metier.errors import CallError, DataError, MissingColumnError, MissingExtraError
from metier.selection.settings import TrainSettings
from metier.tasks.task_table import TASKS, known_task
from metier.text import detect_language, has_words
from metier.text.duplicates import text_keys

LEAST_SHARE = 0.05  # Of the labelled language among the unlabelled texts: below it, it is another collection.
LANGUAGES = {"en": "English", "zh": "Chinese", "other": "another language"}


def check_unlabelled(candidates: Sequence[str], task: str, settings: TrainSettings) -> None:
    """Raise `CallError` where a candidate needs unlabelled rows and there are none, or no method of the task takes any."""
    if settings.data.unlabelled is not None:
        if not known_task(task).learn_from_unlabelled:
            able = ", ".join(name for name, known in TASKS.items() if known.learn_from_unlabelled)
            raise CallError(
                f"Semi-supervised methods exist for the task {able}; the task is {task}. Leave out --unlabelled."
            )
        return
    wanting = [name for name in candidates if learns_from_unlabelled(name)]
    if wanting:
        raise CallError(
            f"{', '.join(wanting)} learns from unlabelled rows, but there are none. Give them with --unlabelled FILE."
        )


def learns_from_unlabelled(name: str) -> bool:
    """Whether a method learns from unlabelled rows too; one that is not installed does not learn at all."""
    try:
        return catalogue.capabilities(name).learns_from_unlabelled
    except MissingExtraError:
        return False


def read_unlabelled(
    train: Rows, splits: Splits, settings: TrainSettings, *, language: str
) -> tuple[tuple[str, ...], list[str]]:
    """Read the unlabelled texts that stand in no split; gives them and what to report; none where none are named.

    Parameters
    ----------
    language : str
        Of most labelled rows, as the run decided it.

    Raises
    ------
    DataError
        If hardly any of them is in the language of the labelled rows.
    """
    named = settings.data.unlabelled
    if named is None:
        return (), []
    rows = _read(named, train, settings)
    texts = tuple(dict.fromkeys(text for text in rows.texts if has_words(text)))
    _check_language(texts, language, str(named))
    return without_known(texts, splits)


def without_known(texts: Sequence[str], splits: Splits) -> tuple[tuple[str, ...], list[str]]:
    """Leave out what stands in the rows of a split; gives what stays, and what to report."""
    known = {
        key for part in (splits.train, splits.validation, splits.test) for key in text_keys(part.texts).tolist()
    }
    kept = tuple(text for text, key in zip(texts, text_keys(texts).tolist(), strict=True) if key not in known)
    note = f"--unlabelled gives {len(kept):,} different texts"
    gone = len(texts) - len(kept)
    return kept, [
        note + (f"; {gone:,} more also appear in the labelled rows and were left out" if gone else "")
    ]


def with_unlabelled(names: Sequence[str], learners: Sequence[str], *, is_open: bool) -> list[str]:
    """Add, where no candidates are named, the learners whose supervised counterpart is one; and every counterpart.

    Parameters
    ----------
    names : sequence of str
        The candidates so far.
    learners : sequence of str
        The methods of the task that learn from unlabelled rows.
    """
    known = {name: counterpart_of(name) for name in learners}
    added = [name for name, counterpart in known.items() if is_open and counterpart in names]
    return [*names, *added, *(counterpart for name, counterpart in known.items() if name in names)]


def counterpart_of(name: str) -> str:
    """Give the supervised counterpart of a method that learns from unlabelled rows too."""
    counterpart = catalogue.capabilities(name).supervised_counterpart
    assert counterpart is not None  # Asked only of methods that learn from unlabelled rows.
    return counterpart


def _read(named: str, train: Rows, settings: TrainSettings) -> Rows:
    """Read them with the text in the column of the same name as the labelled rows have; else it is inferred."""
    encoding = settings.data.encoding
    try:
        return read(named, text=train.roles.text, label="none", encoding=encoding)
    except MissingColumnError:
        return read(named, label="none", encoding=encoding)


def _check_language(texts: Sequence[str], labelled: str, origin: str) -> None:
    found = detect_language(texts)
    share = found.shares[labelled]
    if share < LEAST_SHARE:
        raise DataError(
            f"The labelled rows are {LANGUAGES[labelled]}, and {100 * share:.0f} % of the {len(texts):,} texts of "
            f"{origin} are; most are {LANGUAGES[found.main_language]}. Give unlabelled texts of the same language, or "
            "leave out --unlabelled."
        )
