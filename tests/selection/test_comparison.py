"""The comparison of candidates: their order, what a failure costs, and what a resumed run does again."""

import json
from dataclasses import replace
from typing import ClassVar

import pytest

from metier.bases.precision import mixed_precision
from metier.classical import Majority, TfidfLinear
from metier.data import Splits, read
from metier.errors import BudgetError, DataError, PlugInError
from metier.progress import ignore
from metier.runs.run_folder import RunFolder
from metier.selection.budget import CLOSING_SECONDS, Clock
from metier.selection.candidate_cost import CandidateCost
from metier.selection.candidates import CandidateBuilder
from metier.selection.comparison import Comparison
from metier.selection.decisions import decide
from metier.selection.execution.fitting import Here
from metier.selection.execution.refitting import REFIT_MARGIN
from metier.selection.plan import Plan, fit_into
from metier.selection.planned import Budget, Planned
from metier.selection.planning import Planner
from metier.selection.settings import check_settings

WORDS = {"card": "my card number {} never came", "rate": "which rate is it for {} euros"}


@pytest.fixture(scope="module")
def splits():
    train, validation, test = (
        read([{"text": text.format(n), "label": label} for n in range(*span) for label, text in WORDS.items()])
        for span in ((0, 20), (20, 30), (30, 40))
    )
    return Splits(train, validation, test, ())


@pytest.fixture
def comparison(splits, tmp_path):
    """One over two cheap candidates, in a folder of its own; called again it goes on in the same folder."""
    settings = check_settings({"candidates": ["majority", "tfidf_linear"]})
    decisions = decide(splits.train, settings).learned_from(splits, settings)
    folder = RunFolder(tmp_path / "run")
    for name in ("candidates", "answers"):
        (folder.path / name).mkdir(parents=True)

    def make(listener=ignore):
        builder = CandidateBuilder(folder, settings, decisions)
        return Comparison(folder, builder, splits.train, splits.validation, Clock(600.0), listener)

    return make


def plan(*candidates):
    return Plan(list(candidates), (), refit=True)


class Failing(Majority):
    """A baseline that fails as it is told to."""

    def __init__(self, error=None):
        self.error = error

    def fit(self, X, y, **options):
        raise self.error


def test_candidates_are_trained_in_the_order_of_the_plan(comparison):
    steps = []
    one = comparison(lambda progress: steps.append(progress.what))
    one.train_candidates(plan(Planned("majority.v1", Majority()), Planned("tfidf_linear.v1", TfidfLinear())))
    assert [entry.name for entry in one.trained] == ["majority.v1", "tfidf_linear.v1"]
    assert [step for step in steps if step.endswith(": training")] == [
        "majority.v1: training", "tfidf_linear.v1: training",
    ]  # fmt: skip
    linear = one.run.entry("tfidf_linear.v1")
    assert linear.trained_on == "train"
    assert linear.cost["latency_ms"]["mean"] > 0
    answers = one.run.answers("tfidf_linear.v1", "validation")
    assert one.scores.measure("accuracy", answers.predicted) == 1.0


def test_every_fit_is_begun_before_the_first_is_waited_for(comparison):
    class Noting(Here):
        begins_early = True

        def __init__(self):
            self.steps = []

        def begin(self, job):
            self.steps.append(("begin", job.name))

        def fit(self, job, folder, listener):
            self.steps.append(("fit", job.name))
            return super().fit(job, folder, listener)

    one = comparison()
    one.fitter = Noting()
    names = ["majority.v1", "tfidf_linear.v1"]
    left_out = Planned("frozen_linear.v1", Majority(), why_dropped="it needs about 9 s")
    one.train_candidates(plan(Planned(names[0], Majority()), left_out, Planned(names[1], TfidfLinear())))
    assert one.fitter.steps == [(step, name) for step in ("begin", "fit") for name in names]


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (DataError("the rows are odd"), "the rows are odd"),
        (MemoryError(), "it ran out of memory; close other programs or take fewer rows"),
        (RuntimeError("no luck"), "a bug (RuntimeError: no luck); see train.log"),
        (SystemExit(0), "a bug (SystemExit: 0); see train.log"),  # A plug-in that ends the program.
    ],
)
def test_a_candidate_that_fails_is_reported_and_the_others_go_on(comparison, error, why):
    one = comparison()
    one.train_candidates(
        plan(Planned("majority.v1", Failing(error)), Planned("tfidf_linear.v1", TfidfLinear()))
    )
    failed, trained = one.entries
    assert (failed.status, failed.why) == ("failed", why)
    assert trained.status == "trained"
    log = (one.run.path / "train.log").read_text("utf-8")
    assert ("Traceback" in log) == isinstance(error, RuntimeError | SystemExit)
    # Nothing half-written lies where a predictor would.
    assert not one.run.candidate("majority.v1").exists()


def test_what_the_plan_leaves_out_is_reported_with_its_reason(comparison):
    one = comparison()
    dropped = Planned("majority.v1", Majority(), why_dropped="it needs about 9 s")
    failed = Planned("frozen_linear.v1", Majority(), why_failed="it ran out of memory")
    one.train_candidates(plan(dropped, failed, Planned("tfidf_linear.v1", TfidfLinear())))
    assert [(entry.status, entry.why) for entry in one.entries[:2]] == [
        ("dropped", "it needs about 9 s"), ("failed", "it ran out of memory"),
    ]  # fmt: skip


def test_nothing_trained_says_why_and_offers_time_only_where_time_was_short(comparison):
    short = Planned("majority.v1", None, waits=True, why_dropped="it needs about 9 s")
    with pytest.raises(BudgetError, match="Give more time with --budget, or name others"):
        comparison().train_candidates(plan(short))


def test_a_fault_of_the_method_is_not_cured_by_time(comparison):
    with pytest.raises(BudgetError) as caught:
        comparison().train_candidates(plan(Planned("majority.v1", Failing(DataError("the rows are odd")))))
    assert str(caught.value) == (
        "No candidate could be trained. majority.v1: the rows are odd. Name others with --candidates."
    )


class Watching(TfidfLinear):
    """Keeps what it is fitted on."""

    def fit(self, X, y, **options):
        self.seen_ = list(zip(X, y, strict=True))
        return super().fit(X, y, **options)


def test_what_does_not_fit_whole_learns_a_part_of_the_rows_and_says_so(comparison, splits):
    steps, method = [], Watching()
    one = comparison(lambda progress: steps.append(progress.what))
    one.train_candidates(plan(Planned("tfidf_linear.v1", method, fraction=0.3)))
    assert len(method.seen_) == 12
    assert [label for _, label in method.seen_].count("card") == 6
    assert {text for text, _ in method.seen_} < {*splits.train.texts}
    assert "tfidf_linear.v1: training on 30 % of the rows" in steps
    assert one.run.entry("tfidf_linear.v1").fraction == 0.3
    # A refit has all of them.
    one.refit(["tfidf_linear.v1"], {"tfidf_linear.v1": method})
    assert one.run.entry("tfidf_linear.v1").fraction == 1.0


def test_time_that_one_leaves_over_goes_to_what_was_left_out(comparison):
    """Foretold 400 of 575 s, the first takes one: the second, which did not fit, is trained after all, on all rows."""
    first = Planned("majority.v1", Majority(), cost=CandidateCost(400.0))
    second = Planned("tfidf_linear.v1", TfidfLinear(), needs_base=True, cost=CandidateCost(300.0, 0, 0.0, 10.0))
    budget = Budget(600.0, 575.0, 10**10, n_rows=40)
    refit = fit_into(budget, [first, second])
    assert second.why_dropped.startswith("it needs about 312 s")
    one = comparison()
    one.train_candidates(Plan([first, second], (), refit, budget))
    assert [(entry.status, entry.fraction) for entry in one.entries] == [("trained", 1.0), ("trained", 1.0)]
    assert json.loads((one.run.path / "plan.json").read_text("utf-8"))["candidates"]["tfidf_linear.v1"][
        "has_begun"
    ]


def test_a_resumed_comparison_trains_only_what_is_not_whole(comparison):
    comparison().train_candidates(plan(Planned("majority.v1", Majority())))
    steps = []
    again = comparison(lambda progress: steps.append(progress.what))
    # Its export was begun when the run was killed.
    (again.run.candidate("tfidf_linear.v1.partial")).mkdir(parents=True)
    again.run.recover()
    again.train_candidates(
        plan(Planned("majority.v1", Failing(RuntimeError())), Planned("tfidf_linear.v1", TfidfLinear()))
    )
    assert [entry.status for entry in again.entries] == ["trained", "trained"]
    assert "majority.v1: training" not in steps
    assert not again.run.candidate("tfidf_linear.v1.partial").exists()


def test_a_refit_keeps_the_choices_and_is_not_made_twice(comparison):
    method = TfidfLinear()
    one = comparison()
    one.train_candidates(plan(Planned("tfidf_linear.v1", method)))
    chosen = dict(one.trained[0].params)
    before = one.run.answers("tfidf_linear.v1", "validation").probabilities
    one.refit(["tfidf_linear.v1"], {"tfidf_linear.v1": method})
    entry = one.run.entry("tfidf_linear.v1")
    assert (entry.trained_on, entry.params) == ("train + validation", chosen)
    # Choices are made on the answers of models that did not see validation: these stay.
    assert (one.run.answers("tfidf_linear.v1", "validation").probabilities == before).all()
    steps = []
    again = comparison(lambda progress: steps.append(progress.what))
    again.train_candidates(plan(Planned("tfidf_linear.v1", method)))
    again.refit(["tfidf_linear.v1"], {"tfidf_linear.v1": method})
    assert not any("refit" in step for step in steps)


class Clocked(Majority):
    """A baseline that can be told when to be done, and notes when and on how many rows it learned."""

    fits: ClassVar[list] = []

    def __init__(self, time_limit_minutes=None):
        self.time_limit_minutes = time_limit_minutes

    def fit(self, X, y, **options):
        Clocked.fits.append((len(X), self.time_limit_minutes))
        return super().fit(X, y, **options)


@pytest.fixture
def clocked(comparison, monkeypatch):
    monkeypatch.setattr(CandidateBuilder, "build", lambda self, name: Clocked())
    Clocked.fits.clear()
    one = comparison()
    monkeypatch.setattr(Comparison, "refit_left_seconds", 205.0)
    return one


def test_a_refit_has_a_clock_of_its_own(clocked):
    method = Clocked(time_limit_minutes=0.01)
    clocked.train_candidates(plan(Planned("majority.v1", method)))
    clocked.refit(["majority.v1"], {"majority.v1": method})
    (_, first), (n_rows, again) = Clocked.fits
    assert (first, n_rows) == (0.01, 60)
    assert again == pytest.approx(205.0 / 60, abs=0.1)


def test_a_refit_that_does_not_fit_whole_has_more_rows_than_the_first_fit(clocked):
    method = Clocked()
    clocked.train_candidates(plan(Planned("majority.v1", method, fraction=0.25)))
    [entry] = clocked.trained
    entry.train_seconds, entry.export_seconds, clocked.measuring = 70.0, 0.0, {}
    clocked.refit(
        ["majority.v1"], {"majority.v1": method}
    )  # 420 s for all of the 60 rows, of which the first had 10.
    assert [n_rows for n_rows, _ in Clocked.fits] == [10, 29]
    assert (entry.trained_on, entry.fraction) == ("train + validation", 0.48)


def test_a_refit_that_was_stopped_goes_on_with_the_rows_and_the_clock_it_was_begun_with(clocked, monkeypatch):
    method = Clocked()
    clocked.train_candidates(plan(Planned("majority.v1", method, fraction=0.25)))
    [entry] = clocked.trained
    entry.train_seconds, entry.export_seconds, clocked.measuring = 70.0, 0.0, {}
    fit = Clocked.fit

    def stopped(self, X, y, **options):
        fit(self, X, y, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(Clocked, "fit", stopped)
    with pytest.raises(KeyboardInterrupt):
        clocked.refit(["majority.v1"], {"majority.v1": method})
    monkeypatch.setattr(Clocked, "fit", fit)
    monkeypatch.setattr(Comparison, "refit_left_seconds", 20.0)
    clocked.refit(["majority.v1"], {"majority.v1": method})
    _, begun, again = Clocked.fits
    assert begun == again == (29, pytest.approx(205.0 / 60, abs=0.1))
    assert (entry.trained_on, entry.fraction) == ("train + validation", 0.48)


def test_without_time_for_it_there_is_no_refit(clocked):
    method = Clocked()
    clocked.train_candidates(plan(Planned("majority.v1", method)))
    [entry] = clocked.trained
    entry.train_seconds, entry.export_seconds = 170.0, 0.0
    clocked.refit(["majority.v1"], {"majority.v1": method})
    assert (len(Clocked.fits), entry.trained_on) == (1, "train")
    assert "no refit, it would take 255 s of 205 s left" in (clocked.run.path / "train.log").read_text("utf-8")


class RefitFailing(Majority):
    """A baseline that cannot be fitted on as many rows as a refit has."""

    def fit(self, X, y, **options):
        if len(X) > 40:
            raise RuntimeError("no luck")
        return super().fit(X, y, **options)


def test_a_refit_that_fails_leaves_the_first_fit_and_says_so(comparison):
    said = []
    one = comparison(lambda progress: said.append(progress.what))
    methods = {"majority.v1": RefitFailing(), "tfidf_linear.v1": TfidfLinear()}
    one.train_candidates(plan(*(Planned(name, method) for name, method in methods.items())))
    one.refit(list(methods), methods)
    assert [entry.trained_on for entry in one.trained] == ["train", "train + validation"]
    assert any("majority.v1: the refit failed" in sentence and "no luck" in sentence for sentence in said)
    assert one.answering.keep("majority.v1", one.validation_items, "validation").predicted


class OddFacts(Majority):
    """A baseline that states what JSON cannot hold."""

    def fit(self, X, y, **options):
        super().fit(X, y, **options)
        self.facts_ = {"odd": object()}
        return self


def test_facts_that_cannot_be_stored_fail_their_candidate_alone(comparison):
    one = comparison()
    one.train_candidates(plan(Planned("majority.v1", OddFacts()), Planned("tfidf_linear.v1", TfidfLinear())))
    assert [entry.status for entry in one.entries] == ["failed", "trained"]
    assert one.run.entry("majority.v1").why.startswith("a bug (TypeError")


def test_an_ensemble_that_cannot_be_built_fails_alone(comparison, monkeypatch):
    def broken(name):
        raise PlugInError("metier.ensembles", name, "own:Ensemble", "it has no build")

    monkeypatch.setattr("metier.selection.comparison.ensemble_builder", broken)
    one = comparison()
    one.train_candidates(plan(Planned("majority.v1", Majority())))
    one.build_ensembles(["average.v1"])
    assert [entry.status for entry in one.entries] == ["trained", "failed"]


def test_an_ensemble_of_too_few_is_dropped_with_its_reason(comparison):
    one = comparison()
    one.train_candidates(plan(Planned("tfidf_linear.v1", TfidfLinear())))
    one.build_ensembles(["average.v1"])
    assert one.entries[-1].status == "dropped"
    assert "at least two" in one.entries[-1].why
    assert one.models_of("tfidf_linear.v1") == {"tfidf_linear.v1"}


def test_models_of_an_ensemble_are_those_of_its_members(comparison):
    one = comparison()
    one.train_candidates(plan(Planned("majority.v1", Majority()), Planned("tfidf_linear.v1", TfidfLinear())))
    one.entries += [
        replace(one.entries[0], name="average.v1", members=["majority.v1", "tfidf_linear.v1"]),
        replace(one.entries[0], name="cascade.v1", members=["majority.v1", "average.v1"]),
    ]
    assert one.models_of("cascade.v1") == {"majority.v1", "tfidf_linear.v1"}


class Noting(Majority):
    """A baseline that notes in which precision it would train."""

    def fit(self, X, y, **options):
        super().fit(X, y, **options)
        self.facts_ = {"precision": mixed_precision()}
        return self


def test_methods_train_in_the_precision_that_the_run_decided(comparison):
    one = comparison()
    assert one.builder.decisions.precision == "fp32"  # Of all tests, whatever the machine has.
    one.builder = replace(one.builder, decisions=replace(one.builder.decisions, precision="bf16"))
    one.train_candidates(plan(Planned("majority.v1", Noting())))
    assert one.trained[0].facts["precision"] == "bf16"
    assert mixed_precision() == "no"  # As before, outside of the run.


def test_what_a_candidate_costs_is_measured_in_the_precision_that_the_run_decided(comparison, splits):
    one = comparison()
    builder = replace(one.builder, decisions=replace(one.builder.decisions, precision="bf16"))
    noting, seen = Planner(builder, splits, one.clock, ignore), []
    noting._cost = lambda name, method: seen.append(mixed_precision()) or CandidateCost()
    noting.plan()
    assert set(seen) == {"bf16"}


def test_a_refit_takes_as_long_as_all_rows_do_and_the_end_as_long_as_the_test_rows(comparison, monkeypatch):
    monkeypatch.setattr(Clock, "slowdown", 2.0)
    one = comparison()
    one.n_test = 1_000
    one.train_candidates(plan(Planned("tfidf_linear.v1", TfidfLinear(), fraction=0.5)))
    [entry] = one.trained
    entry.train_seconds, one.measuring = 10.0, {entry.name: 3.0}
    one.answering.seconds[entry.name], one.scoring[entry.name] = 0.02, 0.1
    # Half of the 40 rows took 10 s; a refit is on these and the 20 validation rows, with a margin.
    entry.export_seconds = 0.0
    assert one.refit_cost(entry).seconds() == pytest.approx(10.0 / 0.5 * 1.5 * REFIT_MARGIN + 3.0)
    scoring = 0.1 * 1_000 / len(one.validation)
    assert one.closing_seconds == pytest.approx(2.0 * CLOSING_SECONDS + 20.0 + scoring)


def test_time_is_kept_for_ensembles_of_what_waits(comparison):
    one = comparison()
    decisions = replace(one.builder.decisions, ensembles=("average.v1", "cascade.v1"))
    one.builder = replace(one.builder, decisions=decisions)
    waiting = [Planned("slow.v1", cost=CandidateCost(10.0, seconds_measuring=9.0))]
    left = one.left_seconds
    assert one._left_beside(waiting) == pytest.approx(left - 2 * 9.0, abs=0.1)
    one.measuring["tfidf_linear.v1"] = 9.0  # What was measured is kept for already.
    assert one._left_beside(waiting) == pytest.approx(left - 2 * 9.0, abs=0.1)


def test_time_is_kept_for_scoring_what_waits_and_runs(comparison):
    one = comparison()
    one.n_test = 3 * len(one.validation)
    one.scoring["majority.v1"] = 2.0
    left = one.left_seconds
    waiting = [Planned("slow.v1", Majority()), Planned("left_out.v1", Majority(), why_dropped="too slow")]
    assert one._left_beside(waiting) == pytest.approx(left - 2.0 * 4, abs=0.1)
