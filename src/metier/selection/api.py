"""From rows to a run: read, check, split, race, recommend, refit, answer the test rows once, report."""

import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metier import catalogue
from metier.bundles import Bundle, load_bundle
from metier.data import Rows
from metier.errors import InterruptedRunError
from metier.predictors.loading import load_predictor
from metier.progress import Listener, Progress, ignore
from metier.report.page import render_report
from metier.runs.run_folder import RunFolder
from metier.runs.stored_answers import keep
from metier.runs.tracking import check_trackers, close_trackers, followed, open_trackers
from metier.selection.budget import Clock, parse_duration
from metier.selection.comparison import Race
from metier.selection.execution.fitting import check_together
from metier.selection.execution.on_ray import check_cluster, fitter_for
from metier.selection.execution.sealing import seal_candidates
from metier.selection.plan import Plan, Preflight
from metier.selection.reasons import reasons_of
from metier.selection.recommendation import Contestant, Recommendation, recommend
from metier.selection.report_facts import Tested, build_report, plain
from metier.selection.rows.preparation import (
    Sources,
    build_task,
    check_before_any_work,
    check_same_rows,
    choose_task,
    prepare,
    read_all,
    with_collection,
)
from metier.selection.rows.unlabelled import said_of, without_gain
from metier.selection.settings import TrainSettings, check_settings, load_settings, write_settings
from metier.selection.studies.learning_curve import LearningCurve
from metier.selection.studies.study import Study, foreseen
from metier.text.language import detect_language

# Answering the test rows, sealing and the report take their share of the budget too.
CLOSING_SECONDS = 15.0
# A refit sees more rows and starts cold; better to leave one out than to overdraw the budget.
REFIT_MARGIN = 1.15


@dataclass(frozen=True)
class Run:
    """A finished run.

    Parameters
    ----------
    folder : Path
        Where everything of it lies.
    report : dict
        The facts, as in `report.json`.
    recommendation : Recommendation
        What to ship, and why.
    """

    folder: Path
    report: dict[str, Any]
    recommendation: Recommendation

    @property
    def best(self) -> Bundle:
        """The bundle of the recommended candidate, verified and ready to answer."""
        return load_bundle(self.folder / "best")

    @property
    def candidates(self) -> list[dict[str, Any]]:
        """The leaderboard: facts of each candidate, the best first."""
        return list(self.report["candidates"])

    def __repr__(self) -> str:
        return f"<Run {self.folder}: {self.recommendation.sentence}>"


def train(
    source: Any = None,
    *,
    test: Any = None,
    validation: Any = None,
    budget: str | None = None,
    candidates: Sequence[str] | None = None,
    task: str | None = None,
    settings: TrainSettings | Mapping[str, Any] | None = None,
    run: str | Path | None = None,
    overwrite: bool = False,
    resume: str | Path | None = None,
    listener: Listener = ignore,
    **roles: str | None,
) -> Run:
    """Train candidates on rows and say which to ship.

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
        What is to be predicted; by default told from the columns.
    **roles : str
        `text`, `label`, `group`, `time`, `split` and the other roles of `metier.read`: names of columns.

    Raises
    ------
    MetierError
        For everything the user can mend.
    """
    chosen = _settings(settings, budget=budget, candidates=candidates, task=task, roles=roles)
    if resume is not None:
        folder = RunFolder.open(Path(resume))
        chosen = load_settings(folder.settings_path)
    sources = Sources.choose(source, test, validation, chosen)
    if chosen.processes > 1:
        check_together({"every method": {"adaptation": chosen.adaptation}, **chosen.methods})
    train_rows, test_rows, validation_rows = read_all(sources, chosen)
    if resume is None:
        check_trackers(chosen.track)
        if chosen.on is not None:
            check_cluster(chosen.on)
        check_before_any_work(train_rows, chosen)
        folder = RunFolder.create(
            Path(run) if run else None, name=Path(train_rows.origin).stem, overwrite=overwrite
        )
        write_settings(chosen, {}, folder.settings_path)
    try:
        return _conduct(folder, chosen, (train_rows, test_rows, validation_rows), listener)
    except KeyboardInterrupt:
        raise InterruptedRunError(
            f"Stopped. What was done is kept; go on with: metier train --resume {folder.path}"
        ) from None


def learning_curve(source: Any, *, run: str | Path | None = None, **options: Any) -> dict[str, LearningCurve]:
    """Say how candidates learn from rows, and what twice the labels would buy.

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
        For everything the user can mend.
    """
    given = options.pop("settings", None) or {}
    values = given.model_dump() if isinstance(given, TrainSettings) else dict(given)
    values = {"refit": False, **values, "learning_curve": True}
    with tempfile.TemporaryDirectory(prefix="metier-curve-") as folder:
        finished = train(source, settings=values, run=run or Path(folder) / "run", **options)
    found = finished.report["learning_curve"]
    return {one["name"]: LearningCurve.from_dict(found["metric"], one) for one in found["candidates"]}


def _settings(
    settings: TrainSettings | Mapping[str, Any] | None,
    *,
    budget: str | None,
    candidates: Sequence[str] | None,
    task: str | None,
    roles: Mapping[str, str | None],
) -> TrainSettings:
    values = settings.model_dump() if isinstance(settings, TrainSettings) else dict(settings or {})
    if budget is not None:
        values["budget_minutes"] = parse_duration(budget) / 60
    if candidates is not None:
        values["candidates"] = tuple(catalogue.full_name(name) for name in candidates)
    if task is not None:
        values["task"] = task
    data = values.get("data") or {}
    data = data.model_dump() if not isinstance(data, Mapping) else dict(data)
    values["data"] = data | {role: column for role, column in roles.items() if column is not None}
    return check_settings(values)


def _conduct(
    run: RunFolder, settings: TrainSettings, rows: tuple[Rows, Rows | None, Rows | None], listener: Listener
) -> Run:
    state = run.read_json("state.json") or {}
    clock = Clock(settings.budget_minutes * 60, spent_seconds=float(state.get("spent_seconds", 0.0)))
    trackers = open_trackers(settings.track, run.path)
    listener = followed(listener, trackers)
    listener(Progress("reading and checking the rows", 0, None, unit=""))
    prepared = prepare(*rows, settings)
    splits = prepared.splits
    task_name, why = choose_task(splits.train, settings)
    language = detect_language(splits.train.texts).main_language
    check_same_rows(run, prepared)
    task = with_collection(build_task(task_name, splits.train, settings), splits, settings)
    race = Race(run, settings, task, splits.train, splits.validation, clock, listener)
    race.fitter = fitter_for(on=settings.on, processes=settings.processes, threads=settings.threads)
    plan = Preflight(
        run,
        settings,
        task,
        splits.train,
        len(splits.validation),
        clock,
        listener,
        prepared.unlabelled,
        n_test=len(splits.test),
    ).plan()
    if why:
        listener(Progress(why, 1, 1, unit=""))
    reasons = reasons_of(plan.candidates, task.items(splits.train), task.targets(splits.train))
    for sentence in (f"plan   {plan.sentence}", *reasons, *foreseen(plan, settings, clock.left_seconds)):
        listener(Progress(sentence, 1, 1, unit=""))
    write_settings(settings, plan.methods, run.settings_path)
    race.train_all(plan)
    race.fuse(plan.fusions)
    gained = said_of(race)
    for sentence in gained:
        listener(Progress(sentence, 1, 1, unit=""))
    recommendation = _recommend(race)
    study = Study.begin(race, plan)
    if settings.refit:
        _refit(race, plan, recommendation.name, len(splits.test))
    study.train(recommendation.name, closing=_closing_seconds(race, len(splits.test)))
    race.fitter.close()
    race.measure_again(task.items(splits.test))
    tested = _answer_test(race, splits.test)
    report = plain(
        build_report(
            race, recommendation, test=splits.test, tested=tested, audit=prepared.audit, language=language
        )
    )
    report["data"]["notes"] += [*([why] if why else []), *prepared.said, *splits.notes, *reasons, *gained]
    report |= plain(study.facts(splits.test))
    close_trackers(trackers, report)
    return _close(race, report, recommendation)


def _recommend(race: Race) -> Recommendation:
    in_vain = without_gain(race)
    contestants = [
        Contestant(
            entry.name,
            race.run.answers(entry.name, "validation").predicted,
            entry.cost["latency_ms"]["mean"],
        )
        for entry in race.trained
        if entry.name not in in_vain
    ]
    promises = {name: getattr(joiner, "promise", None) for name, joiner in race.joiners.items()}
    return recommend(
        contestants,
        race.figures,
        tolerance=race.settings.tolerance,
        details={name: promise for name, promise in promises.items() if promise},
    )


def _refit(race: Race, plan: Plan, chosen: str, n_test: int) -> None:
    """Train again on all rows what fits in the time left: the chosen one's models first, cheap before dear."""
    needed = race.leaves_of(chosen)
    growth = (len(race.train) + len(race.validation)) / len(race.train) * REFIT_MARGIN
    left, names = race.clock.left_seconds - _closing_seconds(race, n_test), []
    for entry in sorted(race.trained, key=lambda one: (one.name not in needed, one.train_seconds)):
        seconds = entry.train_seconds * growth
        if entry.members or entry.name not in plan.methods or seconds > left:
            if entry.name in needed and not entry.members:
                race.run.log(
                    f"{entry.name}: no refit, it would take {seconds:.0f} s of {max(left, 0):.0f} s left"
                )
            continue
        left -= seconds
        names.append(entry.name)
    race.refit(names, plan.methods)


def _closing_seconds(race: Race, n_test: int) -> float:
    """What the end of the run will take: every candidate answers the test rows, and the report is written."""
    return CLOSING_SECONDS + sum(n_test / entry.cost["rows_per_second"] for entry in race.trained)


def _answer_test(race: Race, test: Rows) -> dict[str, Tested]:
    """Every candidate answers the test rows; called once, after every choice."""
    tested, items = {}, race.task.items(test)
    for entry in race.trained:
        race.listener(Progress(f"{entry.name}: answering the test rows", 0, len(test)))
        predictor = load_predictor(race.run.candidate(entry.name), threads=race.settings.threads)
        answers = predictor.predict(items)
        kept = keep(answers, race.task.labels)
        race.run.save_answers(entry.name, "test", kept)
        tested[entry.name] = Tested(kept, answers.answered_by)
    return tested


def _close(race: Race, report: dict[str, Any], recommendation: Recommendation) -> Run:
    run = race.run
    race.listener(Progress("sealing the bundles and writing the report", 0, None, unit=""))
    seal_candidates(race, report)
    report["seconds"] = race.clock.elapsed_seconds
    run.point_best(recommendation.name)
    run.write_text("report.html", render_report(report))
    run.write_json("report.json", report)  # Last: a run with this file is whole.
    shutil.rmtree(run.path / "checkpoints", ignore_errors=True)
    run.log(f"{recommendation.sentence} ({time.strftime('%H:%M:%S')})")
    return Run(run.path, report, recommendation)
