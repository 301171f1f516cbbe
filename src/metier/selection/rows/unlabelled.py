"""`--unlabelled`: unlabelled texts for the semi-supervised methods."""

from collections.abc import Mapping, Sequence
from typing import Any

from metier import catalogue
from metier.data import Rows, Splits, read
from metier.errors import CallError, DataError, MissingColumnError, MissingExtraError
from metier.selection.settings import TrainSettings
from metier.tasks.task import Task
from metier.tasks.task_table import known_task
from metier.tasks.ways import no_way
from metier.text import detect_language, has_words
from metier.text.duplicates import text_keys

LEAST_SHARE = 0.05  # Of the labelled language among the unlabelled texts: below it, it is another collection.
LANGUAGES = {"en": "English", "zh": "Chinese", "other": "another language"}


def check_unlabelled(candidates: Sequence[str], task: str, settings: TrainSettings) -> None:
    """Raise `CallError` where a candidate needs unlabelled rows and there are none, or no method of the task takes any."""
    if settings.data.unlabelled is not None:
        if not known_task(task).learn_from_unlabelled:
            raise CallError(no_way("--unlabelled", task))
        if not any(map(learns_from_unlabelled, candidates)):
            able = ", ".join(known_task(task).learn_from_unlabelled)
            raise CallError(
                f"--unlabelled is given, and none of the candidates learns from it. Add one of {able} to --candidates, "
                "or leave out --unlabelled."
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
    train: Rows, splits: Splits, settings: TrainSettings, *, task: Task, language: str
) -> tuple[tuple[Any, ...], list[str]]:
    """Read the unlabelled items that stand in no split; gives them and what to report; none where none are named.

    Parameters
    ----------
    task : Task
        Says what an item is: a text, or what else its rows ask.
    language : str
        Of most labelled rows, as the run decided it.

    Raises
    ------
    CallError
        If the unlabelled rows lack a part of what the task asks.
    DataError
        If hardly any of them is in the language of the labelled rows.
    """
    named = settings.data.unlabelled
    if named is None:
        return (), []
    rows = _read(named, train, settings)
    lacking = [role for role in task.input.roles if role not in rows.roles.named]
    if lacking:
        columns = ", ".join(train.roles.column_of(role) or role for role in lacking)
        raise CallError(
            f"An item of the task {task.name} is {task.input.noun}, and the unlabelled rows of {named} have no column "
            f"{columns}. Give rows with the columns of the labelled ones, only their targets may be missing."
        )
    keep = [at for at, text in enumerate(rows.texts) if has_words(text)]
    kept = rows if len(keep) == len(rows) else rows.take(keep)
    _check_language(list(dict.fromkeys(kept.texts)), language, str(named))
    return without_known(task, kept, splits)


def without_known(task: Task, rows: Rows, splits: Splits) -> tuple[tuple[Any, ...], list[str]]:
    """Leave out what stands twice or in the rows of a split; gives what stays, and what to report."""
    labelled = (splits.train, splits.validation, splits.test)
    known = {key for part in labelled for key in text_keys(list(task.input.same_as(part))).tolist()}
    kept, seen, gone = [], set(), 0
    items = task.input.from_rows(rows)
    for item, key in zip(items, text_keys(list(task.input.same_as(rows))).tolist(), strict=True):
        gone += key in known and key not in seen
        if key not in known and key not in seen:
            kept.append(item)
        seen.add(key)
    what = "text" if task.input.name == "text" else "row"
    note = f"--unlabelled gives {len(kept):,} different {what}s"
    return tuple(kept), [
        note + (f"; {gone:,} more also appear in the labelled rows and were left out" if gone else "")
    ]


def with_unlabelled(names: Sequence[str], learners: Mapping[str, str], *, is_open: bool) -> list[str]:
    """Add, where no candidates are named, the learners whose supervised counterpart is one; and every counterpart.

    Parameters
    ----------
    names : sequence of str
        The candidates so far.
    learners : mapping of str to str
        The methods of the task that learn from unlabelled rows or knowledge, and the supervised counterpart of each.
    """
    known = dict(learners)
    added = [name for name, counterpart in known.items() if is_open and counterpart in names]
    return [*names, *added, *(counterpart for name, counterpart in known.items() if name in names)]


def counterpart_of(name: str, task: str) -> str:
    """Give the supervised counterpart of a method that learns from unlabelled rows too, on a task."""
    counterpart = known_task(task).learn_from_unlabelled.get(name)
    counterpart = counterpart or catalogue.capabilities(name).supervised_counterpart
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
