"""The steps of a run: decide, prepare, plan, compare, recommend, refit, predict the test rows once, report."""

import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from metier.data import Rows
from metier.data.splitting import groups_of
from metier.progress import Listener, Progress
from metier.report.page import render_report
from metier.runs.run_folder import SETTINGS_FILE, RunFolder, plain
from metier.runs.stored_answers import keep
from metier.runs.tracking import check_trackers, close_trackers, followed, open_trackers
from metier.selection.base_comparison import BUDGET_FRACTION, BaseChoice, BaseComparison
from metier.selection.budget import Clock, seconds_since_process_start
from metier.selection.candidates import CandidateBuilder
from metier.selection.comparison import Comparison
from metier.selection.decisions import RunDecisions, decide
from metier.selection.evidence import evidence_of
from metier.selection.execution.on_ray import check_cluster, fitter_for
from metier.selection.execution.parallel_checks import check_divided, check_together
from metier.selection.execution.scoping import CHOSEN_FILE, Scoping, scope_sentence
from metier.selection.execution.sealing import seal_candidates
from metier.selection.finished_run import Run
from metier.selection.plan import Plan
from metier.selection.planning import Planner
from metier.selection.reasons import reasons_of
from metier.selection.recommendation import Answered, Evidence, Recommendation, recommend
from metier.selection.report_facts import Tested, build_report
from metier.selection.rows.augmenting import check_augmentation
from metier.selection.rows.hearing import hear_all
from metier.selection.rows.held_out import check_held_out
from metier.selection.rows.outside import Outside, check_scope, set_aside
from metier.selection.rows.preparation import Prepared, Sources, check_same_rows, prepare, read_all
from metier.selection.settings import TrainSettings, settings_text
from metier.selection.studies.study import Study, foreseen
from metier.selection.unlabelled_gain import gain_notes, without_gain

CLOCK_FILE, BASES_FILE = "clock.json", "bases.json"


@dataclass(frozen=True)
class Begun:
    """A run whose rows are read and whose decisions are made, before it has a folder.

    Parameters
    ----------
    name : str
        What its folder is called after.
    settings : TrainSettings
    decisions : RunDecisions
    prepared : Prepared
    clock : Clock
        Runs since before the rows were read.
    listener : Listener
    outside : Outside
        Rows that no label fits.
    """

    name: str
    settings: TrainSettings
    decisions: RunDecisions
    prepared: Prepared
    clock: Clock
    listener: Listener
    outside: Outside


def begin(sources: Sources, settings: TrainSettings, listener: Listener, *, is_new: bool = True) -> Begun:
    """Read the rows and decide what the run is about; whatever rules it out is raised here, before any work."""
    check_together(
        {"every method": {"adaptation": settings.adaptation}, **settings.methods},
        parallel=settings.parallel,
        processes=settings.processes,
        on=settings.on,
    )
    before = seconds_since_process_start()
    clock = Clock(settings.budget_minutes * 60, before, {"starting the program": before} if before else {})
    with clock.phase("reading and checking the rows"):
        rows = read_all(sources, settings)
        if is_new:
            check_trackers(settings.track)
            if settings.on is not None:
                check_cluster(settings.on)
    with clock.phase("hearing the recordings"):
        rows = hear_all(rows, settings, clock, listener)
    with clock.phase("reading and checking the rows"):
        rows, outside, set_aside_notes = set_aside(rows, settings)
        decisions = decide(rows[0], settings)
        check_divided(
            decisions.candidates,
            decisions.bases_that_learn(settings),
            parallel=settings.parallel,
            processes=settings.processes,
        )
        check_scope(settings, decisions.task)
        check_augmentation(rows[0], settings)
        listener(Progress("reading and checking the rows", 0, None, unit=""))
        prepared = prepare(rows, settings, decisions)
        prepared.notes.extend(set_aside_notes)
        decisions = decisions.learned_from(prepared.splits, settings)
        for note in check_held_out(prepared.splits, decisions.task):
            listener(Progress(note, 1, 1, unit=""))
            prepared.notes.append(note)
    return Begun(Path(rows[0].origin).stem, settings, decisions, prepared, clock, listener, outside)


def finish(run: RunFolder, begun: Begun) -> Run:
    """Train, compare and report; what the folder holds already is not done again."""
    settings, splits = begun.settings, begun.prepared.splits
    trackers = open_trackers(settings.track, run.path)
    listener = begun.clock.watching(followed(begun.listener, trackers))
    check_same_rows(run, begun.prepared)
    _go_on(begun.clock, run)
    for damaged in run.forget_damaged():
        run.log(damaged)
        listener(Progress(damaged, 1, 1, unit=""))
    with begun.clock.phase("comparing bases"):
        begun = _with_bases(run, begun, listener)
    decisions = begun.decisions
    builder = CandidateBuilder(run, settings, decisions, begun.prepared.unlabelled)
    comparison = Comparison(run, builder, splits.train, splits.validation, begun.clock, listener)
    comparison.n_test = len(splits.test)
    comparison.fitter = fitter_for(settings)
    phase = begun.clock.phase
    with phase("planning"):
        plan = Planner(builder, splits, begun.clock, listener).plan()
    planned = _announce_plan(comparison, plan, begun)
    comparison.train_candidates(plan)
    with phase("out-of-fold answers"):
        comparison.answer_folds(plan.methods)
    unanswered = comparison.out_of_fold.notes
    _announce(comparison, unanswered)
    comparison.build_ensembles(plan.ensembles)
    gained = gain_notes(comparison)
    _announce(comparison, gained)
    with phase("recommending"):
        recommendation = _recommend(comparison)
    study = Study.begin(comparison, plan)
    scoping = Scoping(comparison, begun.outside)
    with phase("what is out of scope"):
        scoping.choose(recommendation.name)
    if settings.refit:
        with phase("refit on train + validation"):
            _refit(comparison, plan, recommendation.name)
    with phase("what is out of scope"):
        scoping.renew()
    with phase("seeds and learning curve"):
        study.train(recommendation.name, closing=comparison.closing_seconds)
    comparison.fitter.close()
    report = _judged(comparison, recommendation, begun, study)
    notes = (*decisions.notes, *begun.prepared.notes, *splits.notes, *planned, *unanswered, *gained)
    report["data"]["notes"] += [*notes, *scoping.notes]
    with phase("what is out of scope"):
        _tell_scope(scoping, report, splits.test, comparison)
    close_trackers(trackers, report)
    return _close(comparison, report, recommendation)


def _announce_plan(comparison: Comparison, plan: Plan, begun: Begun) -> list[str]:
    """Say what is going to run, write the settings down, and give the reasons that go into the report too."""
    decisions, settings, train = begun.decisions, begun.settings, begun.prepared.splits.train
    items, targets = decisions.task.items(train), decisions.task.targets(train)
    reasons = reasons_of(plan.candidates, items, targets, language=decisions.language)
    left = begun.clock.left_seconds - begun.clock.closing_seconds
    _announce(
        comparison,
        [*decisions.notes, f"plan   {plan.sentence}", *plan.parts, *reasons, *foreseen(plan, settings, left)],
    )
    comparison.run.write_text(SETTINGS_FILE, settings_text(settings, plan.methods))
    return reasons


def _with_bases(run: RunFolder, begun: Begun, listener: Listener) -> Begun:
    """Compare the bases that are to be compared, and go on with those that are taken."""
    decisions, known = begun.decisions, run.read_json(BASES_FILE) or {}
    for does, names in begun.decisions.compared.items():
        if len(names) == 1:
            decisions = decisions.standing_on(does, names[0], ())
            continue
        if does in known:
            choice = BaseChoice.from_dict(known[does])
        else:
            builder = CandidateBuilder(run, begun.settings, decisions)
            seconds = BUDGET_FRACTION * begun.clock.budget_seconds
            choice = BaseComparison(
                builder, begun.prepared.splits.train, does, names, seconds, listener
            ).choose()
            known[does] = choice.as_dict()
            run.write_json(BASES_FILE, known)
        decisions = decisions.standing_on(does, choice.chosen, choice.sentences)
    return replace(begun, decisions=decisions)


def _tell_scope(scoping: Scoping, report: dict[str, Any], test: Rows, comparison: Comparison) -> None:
    """Put what the rules of the bundles do on the test rows into the report, and say it of the recommended one."""
    chosen = report["recommended"]
    facts = scoping.facts(test, recommended=chosen)
    if facts is None:
        return
    report["out_of_scope"] = plain(facts)
    if chosen in facts:
        said = scope_sentence(chosen, facts[chosen])
        report["data"]["notes"].append(said)
        _announce(comparison, [said])


def _judged(
    comparison: Comparison, recommendation: Recommendation, begun: Begun, study: Study
) -> dict[str, Any]:
    """Let every candidate answer the test rows, and give the report."""
    decisions, splits, phase = begun.decisions, begun.prepared.splits, begun.clock.phase
    with phase("measuring what was refitted"):
        comparison.measure_again(decisions.task.items(splits.test))
    with phase("predicting the test rows"):
        report = _report(comparison, recommendation, begun, splits.test)
    if splits.test.has_images:
        with phase("explaining answers"):
            report["evidence"] = _evidence(comparison, report, splits.test)
    report["bases"] = list((comparison.run.read_json(BASES_FILE) or {}).values())
    return report | dict(plain(study.facts(splits.test)))


def _go_on(clock: Clock, run: RunFolder) -> None:
    """Let a clock go on from where an interrupted run left it, and be kept in the run's folder."""
    try:
        before = run.read_json(CLOCK_FILE)
    except ValueError:  # A power cut may damage it, as it is not flushed: the time is counted from now.
        before = None
    if before is not None:
        clock.recall(before)
    clock.keep = lambda facts: run.write_json(CLOCK_FILE, facts, durable=False)


def _announce(comparison: Comparison, sentences: list[str]) -> None:
    for sentence in sentences:
        comparison.listener(Progress(sentence, 1, 1, unit=""))


def _recommend(comparison: Comparison) -> Recommendation:
    in_vain = without_gain(comparison)
    answered = [
        Answered(
            entry.name,
            comparison.run.answers(entry.name, "validation").predicted,
            entry.cost["latency_ms"]["mean"],
            comparison.predicted_out_of_fold(entry.name),
        )
        for entry in comparison.trained
        if entry.name not in in_vain
    ]
    guarantees = {name: builder.guarantee for name, builder in comparison.builders.items()}
    return recommend(
        answered,
        Evidence(comparison.scores, comparison.scores_out_of_fold if comparison.out_of_fold.folds else None),
        tolerance=comparison.settings.tolerance,
        details={name: guarantee for name, guarantee in guarantees.items() if guarantee},
    )


def _refit(comparison: Comparison, plan: Plan, chosen: str) -> None:
    """Train again on all rows what fits in the time left: the chosen one's models first, cheap ones first."""
    needed = comparison.models_of(chosen)
    able = [entry for entry in comparison.trained if not entry.members and entry.name in plan.methods]
    able.sort(key=lambda one: (one.name not in needed, one.train_seconds))
    comparison.refit([entry.name for entry in able], plan.methods)


def _report(comparison: Comparison, recommendation: Recommendation, begun: Begun, test: Rows) -> dict[str, Any]:
    facts: dict[str, Any] = plain(
        build_report(
            comparison,
            recommendation,
            test=test,
            tested=_answer_test(comparison, test),
            audit=begun.prepared.audit,
            language=begun.decisions.language,
        )
    )
    return facts


def _evidence(comparison: Comparison, report: dict[str, Any], test: Rows) -> list[dict[str, Any]]:
    task = comparison.task
    facts: list[dict[str, Any]] = plain(
        evidence_of(
            comparison.run.candidate(report["recommended"]),
            task,
            task.items(test),
            task.targets(test),
            report["detail"],
            budget_seconds=comparison.clock.budget_seconds,
            threads=comparison.answering.threads,
        )
    )
    return facts


def _answer_test(comparison: Comparison, test: Rows) -> dict[str, Tested]:
    """Every candidate answers the test rows; called once, after every choice."""
    tested, items = {}, comparison.task.items(test)
    comparison.run.save_truth(comparison.task.targets(test), groups_of(test), "test")
    for entry in comparison.trained:
        comparison.listener(Progress(f"{entry.name}: predicting the test rows", 0, len(test)))
        answers = comparison.answering.ask(entry.name, items, "test")
        kept = keep(answers, comparison.task.labels)
        comparison.run.save_answers(entry.name, "test", kept)
        tested[entry.name] = Tested(kept, answers.answered_by)
    return tested


def _close(comparison: Comparison, report: dict[str, Any], recommendation: Recommendation) -> Run:
    run = comparison.run
    comparison.listener(Progress("sealing the bundles and writing the report", 0, None, unit=""))
    with comparison.clock.phase("sealing"):
        seal_candidates(comparison, report)
    report["seconds"] = comparison.clock.elapsed_seconds
    report["phases"] = dict(comparison.clock.phases)
    run.point_best(recommendation.name)
    run.write_text("report.html", render_report(report, language=comparison.settings.report_language))
    shutil.rmtree(run.path / "checkpoints", ignore_errors=True)
    run.write_json("report.json", report)  # Last: a run with this file is whole.
    for name in (CLOCK_FILE, CHOSEN_FILE):
        (run.path / name).unlink(missing_ok=True)
    run.log(f"{recommendation.sentence} ({time.strftime('%H:%M:%S')})")
    return Run(run.path, report, recommendation)
