"""`train` and `learning_curve`: the settings are checked, the rows read, and a run is carried out."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from metier import catalogue
from metier.errors import InterruptedRunError
from metier.progress import Listener, ignore
from metier.runs.run_folder import SETTINGS_FILE, RunFolder
from metier.selection.budget import parse_duration
from metier.selection.conduct import Run, begin, finish
from metier.selection.rows.preparation import Sources
from metier.selection.settings import TrainSettings, check_settings, load_settings, settings_text
from metier.selection.studies.learning_curve import LearningCurve

__all__ = ["LearningCurve", "Run", "learning_curve", "train"]


def train(
    source: Any = None,
    *,
    test: Any = None,
    validation: Any = None,
    budget: str | None = None,
    candidates: Sequence[str] | None = None,
    task: str | None = None,
    order: Sequence[str] | None = None,
    settings: TrainSettings | Mapping[str, Any] | None = None,
    run: str | Path | None = None,
    overwrite: bool = False,
    resume: str | Path | None = None,
    listener: Listener = ignore,
    **roles: str | None,
) -> Run:
    """Train candidates on rows and recommend which to ship.

    Parameters
    ----------
    source : path, Rows, DataFrame, Arrow table or list
        Training rows; what `metier.read` takes. May be left out with `resume`.
    test, validation : path, Rows, DataFrame, Arrow table or list, optional
        Held out from the training rows when not given.
    budget : str, optional
        Time for everything, as `10m`; overrides the settings.
    candidates : sequence of str, optional
        Names from the catalogue; overrides the settings.
    order : sequence of str, optional
        Grades from the lowest to the highest; the task is then ordinal.
    settings : TrainSettings or mapping, optional
        Every other setting.
    run : path, optional
        The run's folder; default `runs/<time>-<name>`.
    overwrite : bool, default=False
        Whether an older run in that folder is removed.
    resume : path, optional
        Go on with an interrupted run instead of beginning one.
    listener : Listener
        Called with progress.
    task : str, optional
        What is to be predicted; by default inferred from the columns.
    **roles : str
        `text`, `label`, `group`, `time`, `split` and the other roles of `metier.read`: names of columns.

    Raises
    ------
    MetierError
        For everything the user can fix.
    """
    chosen = _settings(settings, budget=budget, candidates=candidates, task=task, order=order, roles=roles)
    folder = None if resume is None else RunFolder.open(Path(resume))
    if folder is not None:
        chosen = _resumed(load_settings(folder.settings_path), chosen)
    if folder is None and run:
        RunFolder.is_taken(Path(run), overwrite=overwrite)  # Before the rows are read, which takes a while.
    begun = begin(Sources.choose(source, test, validation, chosen), chosen, listener, is_new=folder is None)
    if folder is None:
        folder = RunFolder.create(Path(run) if run else None, name=begun.name, overwrite=overwrite)
        folder.write_text(SETTINGS_FILE, settings_text(chosen, {}))
    try:
        return finish(folder, begun)
    except KeyboardInterrupt:
        raise InterruptedRunError(
            f"Stopped. What was done is kept; go on with: metier train --resume {folder.path}"
        ) from None


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
    given = options.pop("settings", None) or {}
    values = given.model_dump() if isinstance(given, TrainSettings) else dict(given)
    values = {"refit": False, **values, "learning_curve": True}
    with tempfile.TemporaryDirectory(prefix="metier-curve-") as folder:
        finished = train(source, settings=values, run=run or Path(folder) / "run", **options)
    found = finished.report["learning_curve"]
    return {one["name"]: LearningCurve.from_dict(found["metric"], one) for one in found["candidates"]}


def _resumed(stored: TrainSettings, given: TrainSettings) -> TrainSettings:
    """Give the settings that a run began with; only the file of the test rows may be another."""
    if given.data.test is None:
        return stored
    return stored.model_copy(update={"data": stored.data.model_copy(update={"test": given.data.test})})


def _settings(
    settings: TrainSettings | Mapping[str, Any] | None,
    *,
    budget: str | None,
    candidates: Sequence[str] | None,
    task: str | None,
    order: Sequence[str] | None,
    roles: Mapping[str, str | None],
) -> TrainSettings:
    values = settings.model_dump() if isinstance(settings, TrainSettings) else dict(settings or {})
    if budget is not None:
        values["budget_minutes"] = parse_duration(budget) / 60
    if candidates is not None:
        values["candidates"] = tuple(catalogue.full_name(name) for name in candidates)
    if task is not None:
        values["task"] = task
    if order is not None:
        values["order"] = tuple(order)
    data = values.get("data") or {}
    data = data.model_dump() if not isinstance(data, Mapping) else dict(data)
    values["data"] = data | {role: column for role, column in roles.items() if column is not None}
    return check_settings(values)
