"""`train` and `learning_curve`: the settings are checked, the rows read, and a run is carried out."""

import numbers
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from metier.arguments import path_of, texts_of, wrong_type
from metier.data import Rows
from metier.errors import CallError, InterruptedRunError, StorageError
from metier.notebook import shown_in_notebook
from metier.progress import Listener
from metier.runs.run_folder import SETTINGS_FILE, SEVERAL_FILE, RunFolder
from metier.selection.asked_tasks import read_tasks
from metier.selection.budget import parse_duration
from metier.selection.conduct import Begun, begin, finish
from metier.selection.finished_run import Run
from metier.selection.rows.preparation import Sources
from metier.selection.settings import (
    DataSettings,
    TrainSettings,
    check_settings,
    load_settings,
    settings_text,
    suggest_setting,
    with_files_named_here,
)
from metier.selection.several_tasks import SeveralRun, train_several
from metier.selection.studies.learning_curve import LearningCurve
from metier.storage import storage_fault
from metier.tasks.asked_task import AskedTask, names_several

__all__ = ["LearningCurve", "Run", "learning_curve", "train"]


def train(
    source: Any = None,
    *,
    test: Any = None,
    validation: Any = None,
    budget: str | float | None = None,
    candidates: Sequence[str] | None = None,
    task: str | None = None,
    text: str | None = None,
    label: str | None = None,
    order: Sequence[str] | None = None,
    base: str | None = None,
    search: bool | None = None,
    seed: int | None = None,
    threads: int | None = None,
    settings: TrainSettings | Mapping[str, Any] | str | Path | None = None,
    run: str | Path | None = None,
    overwrite: bool = False,
    resume: str | Path | None = None,
    listener: Listener | None = None,
    **others: Any,
) -> Run | SeveralRun:
    """Train candidates on rows and recommend which to ship.

    Parameters
    ----------
    source : path, Rows, DataFrame, Arrow table or list
        Training rows; what `metier.read` takes. May be left out with `resume`.
    test, validation : path, Rows, DataFrame, Arrow table or list, optional
        Held out from the training rows when not given.
    budget : str or number, optional
        Time for everything: `10m`, `90s`, `1h30m`; a number is minutes. Default: 10 minutes.
    candidates : sequence of str, optional
        Names from the catalogue. Default: those of the task.
    task : str, optional
        What is to be predicted; by default inferred from the columns. Several, as `classification,ner`, are trained
        alone and together on one encoder; where two have targets of one kind, name the column of each:
        `classification:intent,ordinal:urgency`.
    text, label : str, optional
        Names of columns; by default inferred.
    order : sequence of str, optional
        Grades from the lowest to the highest; the task is then ordinal.
    base : str, optional
        Pretrained model: folder, short name or hub name. Default: by language.
    search : bool, optional
        Whether to search the hyperparameters of the fine-tuned method.
    seed : int, optional
        Random seed, 0 or more.
    threads : int, optional
        Default: the cores this process may use.
    settings : TrainSettings, mapping or path, optional
        Settings by their names in a settings file, or that file; the arguments here overrule them.
    run : path, optional
        The run's folder; default `runs/<time>-<name>`.
    overwrite : bool, default=False
        Whether an older run in that folder is removed.
    resume : path, optional
        Go on with an interrupted run instead of beginning one; a finished run comes back as it is.
    listener : Listener, optional
        Called with progress. Default: a notebook shows it, a script is silent; `metier.show_progress()` gives lines.
    **others
        Every other setting by its name: `refit`, `seeds`, `adaptation`, `drop_leaks`, `encoding`, `test_fraction`, and
        the columns of other roles: `labels`, `spans`, `question`, `group`, `time`.

    Raises
    ------
    CallError
        For an argument that is no setting and no role, with the nearest; or of another type.
    MetierError
        For everything the user can fix.
    """
    named: dict[str, Any] = {
        "text": text,
        "label": label,
        "task": task,
        "base": base,
        "search": search,
        "threads": threads,
    }
    named |= {"budget_minutes": _minutes(budget), "random_state": seed}
    named |= {"candidates": _listed(candidates, "candidates"), "order": _listed(order, "order")}
    given = {name: value for name, value in {**others, **named}.items() if value is not None}
    chosen = _settings(settings, given)
    place = None if run is None else path_of(run, "run")
    if listener is not None and not callable(listener):
        raise wrong_type("listener", listener, expected="what can be called with the progress, or None")
    with shown_in_notebook(listener) as shown:
        if resume is not None and names_several(
            load_settings(RunFolder.open(path_of(resume, "resume")).settings_path).task
        ):
            return _resume_several(RunFolder.open(path_of(resume, "resume")), (source, test, validation), shown)
        if resume is not None:
            folder = RunFolder.open(path_of(resume, "resume"))
            with nullcontext() if folder.is_finished else folder.held():
                return _resume(folder, (source, test, validation), chosen, shown)
        if place:
            RunFolder.is_taken(place, overwrite=overwrite)  # Before the rows are read, which takes a while.
        if names_several(chosen.task):
            tasks = read_tasks(Sources.choose(source, test, validation, chosen), chosen)
            folder = RunFolder.create(place, name="several", overwrite=overwrite)
            with _begun_in(folder, chosen):
                return _several(folder, tasks, chosen, shown)
        begun = begin(Sources.choose(source, test, validation, chosen), chosen, shown)
        folder = RunFolder.create(place, name=begun.name, overwrite=overwrite)
        with _begun_in(folder, chosen):
            return _carried_out(folder, begun)


@contextmanager
def _begun_in(folder: RunFolder, settings: TrainSettings) -> Iterator[None]:
    """Hold the folder of a new run, and keep its settings there; raises what `RunFolder.check_unbegun` does."""
    with folder.held():
        folder.check_unbegun()
        folder.recover()
        folder.write_text(SETTINGS_FILE, settings_text(settings, {}))
        yield


def _resume_several(folder: RunFolder, rows: tuple[Any, Any, Any], listener: Listener) -> SeveralRun:
    """Go on with a run of several tasks; a finished one comes back untouched."""
    finished = folder.read_json(SEVERAL_FILE)
    if finished is not None:
        return SeveralRun(folder.path, finished)
    settings = with_files_named_here(load_settings(folder.settings_path))
    with folder.held():
        tasks = read_tasks(Sources.choose(*rows, settings), settings)
        folder.recover()
        return _several(folder, tasks, settings, listener)


def _several(
    folder: RunFolder, tasks: Sequence[tuple[AskedTask, Rows]], settings: TrainSettings, listener: Listener
) -> SeveralRun:
    """Carry out what is not done yet of a run of several tasks, whose folder is held."""

    def run_one(own: Any, own_settings: TrainSettings, place: Path) -> Run:
        if place.exists():
            return train(own, resume=place, listener=listener)  # type: ignore[return-value]
        return train(own, settings=own_settings, run=place, listener=listener)  # type: ignore[return-value]

    with _going_on_with(folder):
        return train_several(tasks, settings, folder, run_one, listener)


@contextmanager
def _going_on_with(folder: RunFolder) -> Iterator[None]:
    """Tell whoever stopped a run, or whose disk refused, how to go on with the whole of it.

    Raises
    ------
    InterruptedRunError, StorageError
        In place of what was raised, by a run of one of several tasks too.
    """
    try:
        yield
    except (KeyboardInterrupt, InterruptedRunError):
        raise InterruptedRunError(f"Stopped. {_go_on(folder)}") from None
    except Exception as error:
        # What one of several tasks says names the folder of its own run.
        first = error.__cause__ if isinstance(error, StorageError) and error.__cause__ else error
        fault = storage_fault(first, folder=folder.path)
        if fault is None:
            raise
        raise StorageError(f"{fault} {_go_on(folder)}") from first


def _carried_out(folder: RunFolder, begun: Begun) -> Run:
    with _going_on_with(folder):
        return finish(folder, begun)


def _go_on(folder: RunFolder) -> str:
    return f"What was done is kept; go on with: metier train --resume {folder.path}"


def _resume(folder: RunFolder, rows: tuple[Any, Any, Any], given: TrainSettings, listener: Listener) -> Run:
    """Go on with an interrupted run; a finished one comes back untouched.

    Raises
    ------
    CallError
        If something is given that the run would not heed.
    """
    stored = with_files_named_here(load_settings(folder.settings_path))
    _check_heeded(folder, stored, given)
    if folder.is_finished:
        folder.remove_left_lock()
        return Run.open(folder.path)
    if given.data.test is not None:  # Nothing was chosen by the test rows: they may be fixed, or have moved.
        stored = stored.model_copy(update={"data": stored.data.model_copy(update={"test": given.data.test})})
    if "report_language" in given.model_fields_set:
        stored = stored.model_copy(update={"report_language": given.report_language})
    begun = begin(Sources.choose(*rows, stored), stored, listener, is_new=False)
    folder.recover()
    return _carried_out(folder, begun)


def _check_heeded(folder: RunFolder, stored: TrainSettings, given: TrainSettings) -> None:
    may_change = {"report_language"} if folder.is_finished else {"report_language", "data.test"}
    own = _leaves(stored.model_dump(mode="json"))
    changed = [
        f"{name} is {own.get(name)!r} there and {value!r} here"
        for name, value in _leaves(given.model_dump(mode="json", exclude_unset=True)).items()
        if name not in may_change and own.get(name) != value
    ]
    if not changed:
        return
    cure = "Leave these out, or start a new run without --resume."
    if folder.is_finished:
        cure = f"It is finished; measure it on other rows with: metier evaluate {folder.path} FILE. {cure}"
    raise CallError(f"--resume takes the settings of {folder.path}: {'; '.join(changed)}. {cure}")


def _leaves(values: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Give every setting by its dotted name."""
    leaves: dict[str, Any] = {}
    for name, value in values.items():
        leaves |= _leaves(value, f"{above}{name}.") if isinstance(value, Mapping) else {f"{above}{name}": value}
    return leaves


def learning_curve(source: Any, *, run: str | Path | None = None, **options: Any) -> dict[str, LearningCurve]:
    """Estimate how candidates learn from rows, and what twice the labels would bring.

    Parameters
    ----------
    source : path, Rows, DataFrame, Arrow table or list
        Training rows; what `metier.read` takes.
    run : path, optional
        Where the run is kept; None: nowhere.
    **options
        Those of `train`, which trains the candidates before anything else.

    Returns
    -------
    dict of str to LearningCurve
        By candidate; those that did not fit into the budget are not among them.

    Raises
    ------
    MetierError
        For everything the user can fix.
    """
    values = {"refit": False, **_values_of(options.pop("settings", None)), "learning_curve": True}
    with tempfile.TemporaryDirectory(prefix="metier-curve-") as folder:
        finished = train(source, settings=values, run=Path(folder) / "run" if run is None else run, **options)
    found = finished.report["learning_curve"]
    return {one["name"]: LearningCurve.from_dict(found["metric"], one) for one in found["candidates"]}


def _settings(settings: Any, named: Mapping[str, Any]) -> TrainSettings:
    """Check settings, and over them those that were named one by one; only what is given counts as set."""
    values = _values_of(settings)
    data = values.get("data") or {}
    data = (
        data.model_dump(exclude_unset=True) if isinstance(data, DataSettings) else dict(_mapping(data, "data"))
    )
    for name, value in named.items():
        if name in TrainSettings.model_fields and name != "data":
            values[name] = value
        elif name in DataSettings.model_fields:
            data[name] = value
        else:
            raise CallError(
                f"train() takes no {name!r}.{suggest_setting(name)} It takes its arguments, the settings of a settings "
                "file, and roles of columns: see help(metier.train)."
            )
    return check_settings(values | ({"data": data} if data else {}))


def _values_of(settings: Any) -> dict[str, Any]:
    if isinstance(settings, str | Path):
        settings = load_settings(Path(settings))
    if isinstance(settings, TrainSettings):
        return settings.model_dump(exclude_unset=True)
    return dict(_mapping({} if settings is None else settings, "settings"))


def _mapping(value: Any, name: str) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    raise CallError(
        f"{name} are settings by their names, as {{'seeds': 3}}, or a file of them; found {value!r}. See "
        "help(metier.train)."
    )


def _listed(names: Sequence[str] | None, name: str) -> tuple[str, ...] | None:
    return None if names is None else texts_of(names, name)


def _minutes(budget: str | float | None) -> float | None:
    """Read a budget; plain numbers are minutes."""
    if budget is None:
        return None
    if isinstance(budget, bool) or not isinstance(budget, str | numbers.Real):
        raise wrong_type(
            "budget", budget, expected="a duration such as '10m' or '1h30m', or minutes as a number"
        )
    return parse_duration(str(budget)) / 60
