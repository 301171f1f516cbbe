"""The student of a fusion is one encoder that learned from its answers, and says when it cannot be."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import metier
from metier import catalogue
from metier.fusion.ensemble import fresh
from metier.predictors.constant import ConstantPredictor
from metier.predictors.loading import load_predictor
from metier.progress import ignore
from metier.runs.run_folder import Entry, RunFolder
from metier.selection.execution.distilling import Distilled
from metier.selection.execution.fitting import Fitted, Here
from metier.selection.settings import arguments_of, check_settings
from metier.tasks.answers import LABEL
from metier.tasks.inputs import TEXT

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture(scope="module")
def run(small_base, tmp_path_factory):
    rows = metier.read(str(EXAMPLES / "banking77" / "train.csv"))
    labels = np.array(rows.labels)
    picked = np.flatnonzero(np.isin(labels, sorted(set(labels))[:6]))
    picked = np.random.default_rng(0).permutation(picked)[:160]
    return metier.train(
        rows.take(picked),
        budget="5m",
        candidates=["tfidf_linear", "encoder", "average", "distilled"],
        settings={
            "base": str(small_base),
            "refit": False,
            "threads": 1,
            "methods": {"encoder": {"epochs": 5, "precision": "fp32"}},
        },
        run=tmp_path_factory.mktemp("distil") / "run",
    )


def test_the_student_is_one_model_that_was_taught_by_the_fusion(run):
    student = next(one for one in run.candidates if one["name"] == "distilled.v1")
    assert student["status"] == "trained", student["why"]
    assert student["facts"]["teacher"] == "average.v1"
    assert student["members"] == []
    folder = RunFolder.open(run.folder).candidate("distilled.v1")
    assert not list(folder.glob("members/*"))
    assert load_predictor(folder, threads=1).predict(["my card never came"]).probabilities.shape == (1, 6)


def test_it_answers_more_like_its_teacher_than_the_plain_encoder_does(run):
    opened = RunFolder.open(run.folder)
    teacher, student, plain = (
        opened.probabilities(name, "validation") for name in ("average.v1", "distilled.v1", "encoder.v1")
    )
    assert not np.allclose(student, plain)
    divergence = [
        float((teacher * (np.log(teacher + 1e-9) - np.log(own + 1e-9))).sum(axis=1).mean())
        for own in (student, plain)
    ]
    assert divergence[0] < divergence[1]


class Run:
    """As much of a run as a student looks at; what is asked to be fitted is kept."""

    def __init__(self, task, trained, left=100.0, settings=None):
        self.task = SimpleNamespace(
            name=task,
            items=lambda rows: list(rows),
            targets=lambda rows: ["a", "b"] * (len(rows) // 2),
            answer=LABEL,
            input=TEXT,
            labels=("a", "b"),
            is_ordered=False,
        )
        self.trained, self.train, self.validation_items = trained, ["one", "two"] * 3, ["three", "four"]
        self.left_seconds = left
        self.run = None
        self.settings = settings
        self.scores = SimpleNamespace(targets=["a", "b"])
        self.jobs = []

    listener = staticmethod(ignore)

    def method(self, name):
        given = {"adaptation": self.settings.adaptation, **arguments_of(self.settings, name)}
        return catalogue.resolve(name)(**given)

    def fit(self, job):
        self.jobs.append(job)
        return Fitted(1.0, {}, {})

    def measured(self, entry):
        return entry


def entry(name, members=(), seconds=10.0):
    return Entry(name, members=list(members), train_seconds=seconds, cost={"latency_ms": {"mean": 1.0}})


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (Run("extractive_qa", []), "it has no distribution over one passage"),
        (Run("classification", [entry("encoder.v1")]), "no ensemble to distil"),
        (Run("classification", [entry("average.v1", ["a", "b"])]), "needs encoder.v1"),
        (
            Run("classification", [entry("average.v1", ["a"]), entry("encoder.v1", seconds=300)]),
            "needs about 300 s and 100 s are left",
        ),
    ],
)
def test_why_nobody_is_taught_is_reported(run, words, tmp_path):
    run.run = RunFolder(tmp_path)
    found = Distilled("distilled.v1").build(run)
    assert found.status == "dropped"
    assert words in found.why


def ready(folder, *, base):
    """A run that teaches a student which trains two matrices of rank 8 beside each of its base's."""
    pytest.importorskip("torch", reason="needs metier[train]")
    own = {"learning_rate": 0.0003, "precision": "fp32"}
    settings = check_settings({"adaptation": "lora:8", "methods": {"encoder": own}, "threads": 1})
    trained = [entry("average.v1", ["x.v1", "y.v1"]), entry("encoder.v1")]
    trained[1].params = {"base": base, "epochs": 2, "learning_rate": 0.1}
    run = Run("classification", trained, left=600.0, settings=settings)
    run.run = RunFolder(folder)
    teacher = run.run.candidate("average.v1")
    teacher.mkdir(parents=True)
    ConstantPredictor(probabilities=[0.3, 0.7], labels=["a", "b"], name="average.v1").save(teacher)
    return run


def test_the_student_has_the_settings_of_the_encoder_and_is_fitted_where_candidates_are(tmp_path):
    run = ready(tmp_path, base="minilm")
    found = Distilled("distilled.v1").build(run)
    (job,) = run.jobs
    assert (found.status, found.facts["teacher"]) == ("trained", "average.v1")
    assert (job.name, job.method_name, job.soft) == ("distilled.v1", "encoder.v1", [[0.3, 0.7]] * 6)
    given = job.method.get_params()
    assert {key: given[key] for key in ("adaptation", "learning_rate", "base", "epochs")} == {
        "adaptation": "lora:8",
        "learning_rate": 0.0003,
        "base": "minilm",
        "epochs": 2,
    }
    assert given["objective"] == "cross_entropy+distillation:0.5:2"
    assert given["time_limit_minutes"] == 10.0


def test_a_trained_student_adapts_its_base_as_the_settings_say(small_base, tmp_path):
    run = ready(tmp_path, base=str(small_base))
    fitted = []

    def fit(job):
        fitted.append(Here().fit(job, fresh(run.run.candidate(job.name)), run.listener))
        return fitted[0]

    run.fit = fit
    found = Distilled("distilled.v1").build(run)
    assert found.facts["adaptation"] == "lora:8"
    # What trained are the head and the matrices beside those of the base.
    assert 0 < found.facts["weights_trained"] < found.facts["weights_all"] / 10
    assert (found.params["epochs"], fitted[0].seconds > 0) == (2, True)
    student = load_predictor(run.run.candidate("distilled.v1"), threads=1)
    assert student.predict(["one", "two"]).probabilities.shape == (2, 2)
