"""What is trained by itself after the candidates, as a student is, has seeds and learning curves like any candidate."""

from typing import ClassVar

import pytest

from metier.classical import Majority, TfidfLinear
from metier.data import Splits, read
from metier.progress import ignore
from metier.runs.run_folder import Entry, RunFolder
from metier.selection.budget import Clock
from metier.selection.candidates import CandidateBuilder
from metier.selection.comparison import Comparison
from metier.selection.decisions import decide
from metier.selection.execution.fitting import Job
from metier.selection.plan import Plan
from metier.selection.planned import Planned
from metier.selection.settings import check_settings
from metier.selection.studies.study import Study

WORDS = {"card": "my card number {} never came", "rate": "which rate is it for {} euros"}
STUDENT = "distilled.v1"


class Student:
    """Trains a linear model where a teacher would teach one; counts how often."""

    guarantee = None
    trained: ClassVar[list[str]] = []
    seconds = 0.0  # That it takes longer than it does here.

    def __init__(self, name):
        self.name = name

    def build(self, comparison):
        items, targets = comparison.task.items(comparison.train), comparison.task.targets(comparison.train)
        method = comparison.method("tfidf_linear.v1")
        self.trained.append(f"{comparison.run.path.name}: {method.random_state}, {len(items)} rows")
        given = {"validation": (comparison.validation_items, comparison.scores.targets)}
        fitted = comparison.fit(Job(self.name, method, items, targets, method_name="tfidf_linear.v1", **given))
        seconds = fitted.seconds + self.seconds
        return comparison.measured(Entry(self.name, train_seconds=seconds, params=fitted.params))

    def write(self, comparison):
        pass

    def certificate_facts(self):
        return None


def rows(*span):
    return read(
        [{"text": text.format(n), "label": label} for n in range(*span) for label, text in WORDS.items()]
    )


@pytest.fixture
def studied(tmp_path, monkeypatch):
    """A function that makes a comparison with a student, studies it, and gives the facts."""
    monkeypatch.setattr("metier.selection.comparison.ensemble_builder", Student)
    monkeypatch.setattr(Student, "trained", [])
    splits = Splits(rows(0, 80), rows(80, 90), rows(90, 110), ())

    def study(seconds=600.0, **settings):
        checked = check_settings({"candidates": ["majority", "tfidf_linear"], **settings})
        decisions = decide(splits.train, checked).learned_from(splits, checked)
        folder = RunFolder(tmp_path / "run")
        for name in ("candidates", "answers"):
            (folder.path / name).mkdir(parents=True, exist_ok=True)
        builder = CandidateBuilder(folder, checked, decisions)
        clock = Clock(seconds)
        comparison = Comparison(folder, builder, splits.train, splits.validation, clock, ignore)
        planned = [Planned("majority.v1", Majority()), Planned("tfidf_linear.v1", TfidfLinear())]
        plan = Plan(planned, (STUDENT,), refit=False)
        comparison.train_candidates(plan)
        comparison.build_ensembles(plan.ensembles)
        begun = Study.begin(comparison, plan)
        begun.train("tfidf_linear.v1", closing=0.0)
        return begun.facts(splits.test)

    return study


def test_a_student_is_trained_with_every_seed(studied):
    facts = studied(seeds=2)["seeds"]
    assert {one["name"]: one["seeds"] for one in facts["candidates"]}[STUDENT] == [0, 1]
    assert Student.trained == ["run: 0, 160 rows", "seed-1: 1, 160 rows"]
    assert facts["notes"] == []


def test_a_student_has_a_learning_curve(studied):
    facts = studied(learning_curve=True)["learning_curve"]
    assert facts["sizes"][0] < 160
    sizes = {int(line.split()[2]) for line in Student.trained}
    assert sizes == set(facts["sizes"])


def test_a_student_that_does_not_fit_into_the_budget_is_reported(studied, monkeypatch):
    monkeypatch.setattr(Student, "seconds", 10_000.0)
    facts = studied(seeds=2)["seeds"]
    assert any(note.startswith(f"{STUDENT}: 1 of 2 seeds fit into the budget") for note in facts["notes"])
    assert Student.trained == ["run: 0, 160 rows"]
    assert {one["name"]: one["seeds"] for one in facts["candidates"]}["tfidf_linear.v1"] == [0, 1]
