"""Ensembles of a run's candidates: fitted once on validation answers, built again after a refit, added by a row."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from metier.errors import UnknownNameError
from metier.fusion import ENSEMBLES, CascadeCertificate, RetrieveReadFit, ensemble_builder
from metier.fusion.search_ensemble import SearchFit
from metier.fusion.vote import VoteFit
from metier.predictors import load_predictor
from metier.predictors.composite.average import FittedAverage
from metier.predictors.composite.retrieve_rerank import SearchSettings
from metier.predictors.constant import ConstantPredictor
from metier.progress import ignore
from metier.runs.run_folder import Entry, RunFolder
from metier.runs.stored_answers import StoredAnswers, keep
from metier.tasks.answers import ANSWERS
from metier.tasks.answers.label import LabelDecoder
from metier.tasks.answers.score import ScoreDecoder
from metier.tasks.answers.scored_spans import SpanCalibration
from metier.tasks.method_contract import Capabilities, CostRank

LABELS = ("a", "b")
TRUTH = ["a", "b", "a", "a"] * 10
CERTIFICATE = CascadeCertificate.without_rows(margin=0.005, confidence=0.95)
FITS = {
    "average.v1": FittedAverage("average.v1", [{"temperature": 2.0, "weight": 1.0}], LabelDecoder(LABELS, 0.5)),
    "score_average.v1": FittedAverage("score_average.v1", [{"weight": 0.4}], ScoreDecoder(1.5, 0.9)),
    "vote.v1": VoteFit((0.4, 0.6), 0.3, SpanCalibration(2.0, 0.1)),
    "retrieve_read.v1": RetrieveReadFit(3, 40, 0.8, 0.81, 0.5, 9, {"3": 0.8, "9": 0.81}),
    "retrieve_rerank.v1": SearchFit(SearchSettings(candidates=30, ways=("vectors",)), [{"ways": ["vectors"]}]),
}


@dataclass
class Trained:
    """Candidates that are there already, as much of a run as an ensemble looks at."""

    run: RunFolder
    combinable: list = field(default_factory=list)
    task = SimpleNamespace(labels=LABELS)
    settings = SimpleNamespace(random_state=0, cascade=SimpleNamespace(margin=0.2, confidence=0.9))
    scores = SimpleNamespace(
        targets=TRUTH, codes=np.array([LABELS.index(label) for label in TRUTH]), groups=None
    )
    scores_out_of_fold = SimpleNamespace(targets=["b"] * 20)
    out_of_fold: dict = field(default_factory=dict)
    validation_items = TRUTH
    listener = staticmethod(ignore)

    def add(self, name, shares, *, ms, seconds=1.0):
        """Leave a candidate that answers everything alike."""
        folder = self.run.candidate(name)
        folder.mkdir(parents=True, exist_ok=True)
        ConstantPredictor(probabilities=shares, labels=LABELS, name=name).save(folder)
        self.measured(Entry(name))
        cost = {"latency_ms": {"mean": ms}}
        self.combinable = [one for one in self.combinable if one.name != name]
        self.combinable.append(Entry(name, train_seconds=seconds, cost=cost))

    def out_of_fold_answers(self, names):
        return [self.out_of_fold[name] for name in names] if set(names) <= set(self.out_of_fold) else None

    def keep_out_of_fold(self, name, answers):
        self.out_of_fold[name] = answers

    def capabilities(self, name):
        return Capabilities(cost=CostRank.BASELINE if name == "majority.v1" else CostRank.CLASSICAL)

    def measured(self, entry):
        answers = load_predictor(self.run.candidate(entry.name)).predict(self.validation_items)
        self.run.save_answers(entry.name, "validation", keep(answers, LABELS))
        entry.cost = {"latency_ms": {"mean": 1.0}}
        return entry


@pytest.fixture
def run(tmp_path) -> RunFolder:
    for part in ("candidates", "answers"):
        (tmp_path / part).mkdir()
    return RunFolder(tmp_path)


def test_an_average_is_fitted_written_and_measured(run):
    candidates = Trained(run)
    candidates.add("majority.v1", [0.5, 0.5], ms=0.01)
    candidates.add("first.v1", [0.9, 0.1], ms=1.0)
    candidates.add("second.v1", [0.6, 0.4], ms=1.0)
    entry = ensemble_builder("average.v1").build(candidates)
    assert (entry.status, entry.members) == ("trained", ["first.v1", "second.v1"])
    assert sum(entry.facts["weights"].values()) == pytest.approx(1)
    answers = load_predictor(run.candidate("average.v1")).predict(TRUTH)
    np.testing.assert_allclose(answers.probabilities, run.probabilities("average.v1", "validation"), atol=1e-6)


def test_an_average_is_fitted_on_rows_answered_out_of_fold_too(run):
    """Most validation rows are "a" and the others "b": who is sure of "a" is believed less by them."""
    temperatures = {}
    for more in (False, True):
        candidates = Trained(run)
        for name, share in (("first.v1", 0.9), ("second.v1", 0.2)):
            candidates.add(name, [share, 1 - share], ms=1.0)
            if more:
                shares = np.tile([share, 1 - share], (20, 1))
                candidates.out_of_fold[name] = StoredAnswers(["a" if share > 0.5 else "b"] * 20, shares, [])
        shutil.rmtree(run.path / "ensembles", ignore_errors=True)
        temperatures[more] = ensemble_builder("average.v1").build(candidates).facts["temperatures"]["first.v1"]
        answered = candidates.out_of_fold.get("average.v1")
        assert answered is None if not more else len(answered.predicted) == 20
    assert temperatures[True] > 1.5 * temperatures[False]


def test_after_a_refit_a_resumed_run_writes_it_again_by_the_fit_it_has(run):
    candidates = Trained(run)
    candidates.add("first.v1", [0.9, 0.1], ms=1.0)
    candidates.add("second.v1", [0.6, 0.4], ms=1.0)
    before = ensemble_builder("average.v1")
    run.save_entry(before.build(candidates))
    # Members have seen the validation rows now; they cost something else, and so would others be chosen.
    candidates.add("first.v1", [1.0, 0.0], ms=0.001)
    candidates.add("third.v1", [0.3, 0.7], ms=1.0, seconds=99.0)
    resumed = ensemble_builder("average.v1")
    entry = resumed.build(candidates)
    assert entry.members == ["first.v1", "second.v1"]
    assert resumed.fit.settings() == before.fit.settings()
    resumed.write(candidates)
    answers = load_predictor(run.candidate("average.v1")).predict(["one"])
    assert answers.probabilities[0, 0] > 0.99  # Of the refitted member.


@pytest.mark.parametrize("name", [*FITS, "cascade.v1"])
def test_no_ensemble_is_fitted_twice(run, name):
    builder = ensemble_builder(name)
    builder.members, builder.fit = ["x.v1", "y.v1"], FITS.get(name, CERTIFICATE)
    builder._keep(Trained(run))
    run.save_entry(Entry(name, members=["x.v1", "y.v1"]))
    again = ensemble_builder(name)
    # There are no candidates, no answers and no folders: whatever would be fitted would fail.
    assert again.build(Trained(run)).members == again.members == ["x.v1", "y.v1"]
    if name == "cascade.v1":
        assert again.certificate_facts()["stages"] == ["x.v1", "y.v1"]
        assert again.fit.reason == CERTIFICATE.reason
    else:
        assert again.fit == FITS[name]


def test_what_was_dropped_stays_dropped(run):
    candidates = Trained(run)
    candidates.add("first.v1", [0.9, 0.1], ms=1.0)
    for name in ("average.v1", "cascade.v1"):
        entry = ensemble_builder(name).build(candidates)
        assert entry.status == "dropped"
        run.save_entry(entry)
    candidates.add("second.v1", [0.6, 0.4], ms=1.0)
    assert ensemble_builder("average.v1").build(candidates).status == "dropped"


def test_a_cascade_states_its_guarantee(run):
    candidates = Trained(run)
    candidates.add("cheap.v1", [0.9, 0.1], ms=0.1)
    candidates.add("big.v1", [0.8, 0.2], ms=1.0)
    builder = ensemble_builder("cascade.v1")
    assert builder.guarantee is None
    entry = builder.build(candidates)
    assert entry.status == "trained", entry.why
    assert builder.guarantee.startswith("cheap.v1 answers 100 % of rows before one falls through to big.v1")
    assert builder.certificate_facts()["threshold"] == entry.facts["threshold"]


def test_every_ensemble_that_an_answer_kind_names_is_in_the_table():
    assert {name for kind in ANSWERS.values() for name in kind.ensembles} <= set(ENSEMBLES)
    for name in ENSEMBLES:
        assert ensemble_builder(name).guarantee is None
    with pytest.raises(UnknownNameError):
        ensemble_builder("mixture.v1")


def test_a_plugin_adds_one_by_its_entry_point(tmp_path, monkeypatch):
    (tmp_path / "own_ensemble.py").write_text("class Own:\n    def __init__(self, name): self.name = name\n")
    info = tmp_path / "own_ensemble-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: own-ensemble\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[metier.ensembles]\nown.v1 = own_ensemble:Own\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert ensemble_builder("own.v1").name == "own.v1"
    assert Path(__import__("own_ensemble").__file__).parent == tmp_path
