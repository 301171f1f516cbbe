"""Jobs are the same wherever they are done: here, in several processes, on a Ray cluster."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from metier.catalogue import resolve
from metier.classical import TfidfLinear
from metier.errors import CallError, MetierError, MissingExtraError
from metier.predictors.loading import load_predictor
from metier.progress import ignore
from metier.selection.api import train
from metier.selection.execution.fitting import (
    FAULT_FILE,
    Here,
    Job,
    Together,
    launch_environment,
    run_job,
    run_job_text,
    take_over_launch,
)
from metier.selection.execution.on_ray import check_cluster

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


def rows(split, labels, every):
    with (EXAMPLES / f"banking77/{split}.csv").open(encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["label"] in labels][::every]


@pytest.fixture(scope="module")
def job():
    found = rows("train", {"age_limit", "exchange_rate"}, 3)
    return Job("tfidf_linear.v1", TfidfLinear(), [r["text"] for r in found], [r["label"] for r in found])


def test_a_job_comes_back_from_its_words(job):
    again = Job.from_json(job.as_json)
    assert again.method.get_params() == job.method.get_params()
    assert (again.items, again.targets, again.validation) == (job.items, job.targets, None)


def test_done_elsewhere_it_answers_as_if_done_here(job, tmp_path):
    here = tmp_path / "here"
    here.mkdir()
    fitted = Here().fit(job, here, ignore)
    files, result = run_job_text(job.as_json)
    for name, content in files.items():
        (tmp_path / "there" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "there" / name).write_bytes(content)
    assert result["params"] == fitted.params
    texts = ["how old must I be", "what is the rate for euros"]
    answers = [load_predictor(tmp_path / name).predict(texts).probabilities for name in ("here", "there")]
    np.testing.assert_array_equal(*answers)


def test_what_makes_no_epochs_is_fitted_here(job, tmp_path):
    Together(2, threads=2).fit(job, tmp_path, ignore)
    assert load_predictor(tmp_path).predict(["how old must I be"]).predicted == ["age_limit"]


def test_the_first_of_launched_processes_conducts_and_leaves_the_group(monkeypatch):
    assert take_over_launch() == 1
    for key, value in {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "RANK": "0", "MASTER_PORT": "1"}.items():
        monkeypatch.setenv(key, value)
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "bf16")
    assert take_over_launch() == 2
    assert "WORLD_SIZE" not in os.environ
    assert launch_environment()["ACCELERATE_MIXED_PRECISION"] == "bf16"


def test_other_launched_processes_have_nothing_to_do(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    assert take_over_launch() == 0


def test_processes_of_several_machines_are_said(monkeypatch):
    for key, value in {"WORLD_SIZE": "2", "RANK": "0", "LOCAL_WORLD_SIZE": "1"}.items():
        monkeypatch.setenv(key, value)
    with pytest.raises(CallError, match="one machine"):
        take_over_launch()


@pytest.mark.parametrize(
    ("version", "settings", "sentence"),
    [
        ("1", {}, "Add --fsdp_version 2"),
        ("2", {"adaptation": "adalora:8"}, "take 'lora:8'"),
        (
            "2",
            {"methods": {"encoder": {"objective": "cross_entropy+ewc:1"}}},
            "in encoder: FSDP gives .* ewc in objective",
        ),
    ],
)
def test_what_fsdp_cannot_train_is_said_before_any_work(monkeypatch, tmp_path, version, settings, sentence):
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    monkeypatch.setenv("FSDP_VERSION", version)
    with pytest.raises(CallError, match=sentence):
        train(rows("train", {"age_limit"}, 3), run=tmp_path / "run", settings={"processes": 2, **settings})
    assert not (tmp_path / "run").exists()


def test_a_job_that_fsdp_cannot_train_starts_no_processes(monkeypatch, tmp_path):
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    monkeypatch.setenv("FSDP_VERSION", "2")
    encoder = resolve("encoder.v1")(adaptation="adalora:8")
    with pytest.raises(CallError, match=r"in encoder\.v1: FSDP gives .* adalora in adaptation"):
        Together(2, threads=2).fit(Job("encoder.v1", encoder, ["a"], ["b"]), tmp_path, ignore)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"parallel": "tensor"}, "Add --processes 2 or more"),
        (
            {"parallel": "tensor", "processes": 2, "adaptation": "prefix:4"},
            "use one of full, head, top, lora, bitfit",
        ),
        (
            {"parallel": "tensor", "processes": 5, "base": "minilm", "candidates": ["encoder"]},
            "12 attention heads",
        ),
        ({"parallel": "shards", "processes": 2, "adaptation": "adalora:8"}, "take 'lora:8'"),
    ],
)
def test_what_processes_cannot_share_is_said_before_any_work(tmp_path, settings, sentence):
    with pytest.raises(CallError, match=sentence):
        train(rows("train", {"age_limit", "change_pin"}, 3), run=tmp_path / "run", settings=settings)
    assert not (tmp_path / "run").exists()


def test_a_job_whose_base_processes_cannot_divide_starts_none(tmp_path):
    encoder = resolve("encoder.v1")(base="minilm")
    with pytest.raises(CallError, match="base minilm: it has 12 attention heads, which 5 processes"):
        Together(5, threads=2, parallel="tensor").fit(
            Job("encoder.v1", encoder, ["a"], ["b"]), tmp_path, ignore
        )
    assert list(tmp_path.iterdir()) == []


def test_a_job_that_fails_among_processes_leaves_why(tmp_path):
    (tmp_path / "job.json").write_text(Job("tfidf_linear.v1", TfidfLinear(), ["a", "b"], ["x", "x"]).as_json)
    with pytest.raises(MetierError) as raised:
        run_job(tmp_path)
    assert (tmp_path / FAULT_FILE).read_text() == str(raised.value)


def test_an_address_without_a_cluster_is_said_before_any_work(tmp_path, monkeypatch):
    monkeypatch.setattr("metier.selection.execution.on_ray.importlib.util.find_spec", lambda name: name)
    with pytest.raises(CallError, match=r"No Ray cluster answers at 127\.0\.0\.1:9"):
        train(rows("train", {"age_limit"}, 3), run=tmp_path / "run", settings={"on": "ray:127.0.0.1:9"})
    assert not (tmp_path / "run").exists()
    with pytest.raises(CallError, match="HOST:PORT"):
        check_cluster("ray:somewhere")
    with pytest.raises(CallError, match="found 'spark'"):
        check_cluster("spark")


def test_ray_that_is_missing_names_its_extra(monkeypatch):
    monkeypatch.setattr("metier.selection.execution.on_ray.importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"metier\[ray\]"):
        check_cluster("ray")


@pytest.mark.filterwarnings("default")
def test_on_ray_candidates_answer_as_they_do_here(tmp_path):
    pytest.importorskip("ray", reason="needs metier[ray]")
    labels = {"age_limit", "exchange_rate"}
    options = {"test": rows("test", labels, 2), "candidates": ["majority", "tfidf_linear"], "budget": "10m"}
    here, there = (
        train(rows("train", labels, 2), run=tmp_path / name, settings={"on": on, "threads": 2}, **options)
        for name, on in (("here", None), ("there", "ray"))
    )
    name = "answers/tfidf_linear.v1.test.npy"
    np.testing.assert_array_equal(np.load(here.folder / name), np.load(there.folder / name))


LABELS = {
    "card_arrival", "card_linking", "exchange_rate", "age_limit", "change_pin", "lost_or_stolen_card",
    "top_up_failed", "card_swallowed", "visa_or_mastercard", "country_support",
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["--processes", "torchrun"])
def test_two_processes_train_as_well_as_one_within_the_spread_of_seeds(tmp_path, small_base, launcher):
    for split in ("train", "test"):
        with (tmp_path / f"{split}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, ["text", "label"])
            writer.writeheader()
            writer.writerows(rows(split, LABELS, 1))
    common = [
        "metier", "train", "train.csv", "--test", "test.csv", "--candidates", "encoder", "--base", str(small_base),
        "--budget", "60m", "--no-refit",
    ]  # fmt: skip
    python = [sys.executable, "-m"]
    launch = {
        "--processes": [*python, *common, "--processes", "2"],
        "torchrun": [
            *(*python, "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m"),
            *common,
        ],
    }[launcher]
    for command in ([*python, *common, "--seeds", "4"], launch):
        # Without --run, which torchrun would take for a beginning of its own --run-path.
        subprocess.run(command, cwd=tmp_path, check=True, env={**os.environ, "OMP_NUM_THREADS": "2"})
    one, two = (json.loads(path.read_text("utf-8")) for path in sorted(tmp_path.glob("runs/*/report.json")))
    spread = one["seeds"]["candidates"][0]["test"]["accuracy"]
    together = two["candidates"][0]["test"]["accuracy"]["value"]
    # Two standard errors of a share this large on these rows, beside what seeds alone change.
    slack = 2 * max(spread["sd"], (spread["mean"] * (1 - spread["mean"]) / two["data"]["rows"]["test"]) ** 0.5)
    assert abs(together - spread["mean"]) <= slack
    assert two["candidates"][0]["facts"]["steps"] == pytest.approx(
        one["candidates"][0]["facts"]["steps"], abs=9
    )
