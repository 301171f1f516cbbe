"""Layers that are divided among processes learn what whole ones learn in one process."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file

from metier.bases.adaptation.divided_layers import DIVIDED, division_faults
from metier.errors import CallError, SettingsError
from metier.training.checkpoint import CheckpointFolder
from metier.training.parallel_settings import (
    VARIABLE,
    check_parallel,
    environment_of,
    parallel_here,
    tensor_faults,
)

WORKER = Path(__file__).with_name("divided_training.py")
TRAININGS = (
    "full",
    "accumulated",
    "recomputed",
    "clipped",
    "lora",
    "top",
    "bitfit",
    "fgm",
    "lion",
    "sgd",
    "adagrad",
)
# Sums are taken in another order, and a step of Adam goes as far as the rate says, however small a gradient.
TOLERANCE = 2e-4
# It has no part in a softmax, so its gradient is rounding alone, and a step of its direction is chance.
NO_GRADIENT = "attention.self.key.bias"
FSDP = {"ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "2"}


def launch(folder, base, *arguments, processes=2):
    launcher = [
        *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
        "--nproc_per_node",
        str(processes),
    ]
    environment = {**os.environ, VARIABLE: "tensor", "METIER_CACHE": str(folder / "cache")}
    subprocess.run(
        [*launcher, str(WORKER), str(base), str(folder), *arguments], check=True, timeout=800, env=environment
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory, small_base):
    """The folder in which two processes left the weights of every training."""
    folder = tmp_path_factory.mktemp("trained")
    launch(folder, small_base)
    return folder


@pytest.fixture(scope="module")
def alone(tmp_path_factory, small_base):
    """Trains by one process, each way once, and gives the folder."""
    folder = tmp_path_factory.mktemp("alone")
    sys.path.insert(0, str(WORKER.parent))
    spec = importlib.util.spec_from_file_location("divided_training", WORKER)
    worker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(worker)
    sys.path.remove(str(WORKER.parent))

    def learn(name, **changes):
        if not (folder / f"{name}.0.safetensors").exists():
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("metier.bases.precision.has_native_bfloat16", lambda: False)
                worker.learn(str(small_base), folder / name, **changes)
        return folder

    return lambda name, **changes: learn(name, **(worker.TRAININGS.get(name, {}) | changes))


def weights(folder, name, rank=0):
    return load_file(folder / f"{name}.{rank}.safetensors")


def farthest(found, expected):
    assert found.keys() == expected.keys()
    return max(
        float((found[name] - weight).abs().max())
        for name, weight in expected.items()
        if weight.numel() and not name.endswith(NO_GRADIENT)
    )


def epochs(folder, name):
    return [value for epoch in json.loads((folder / f"{name}.0.json").read_text()) for value in epoch.values()]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", TRAININGS)
def test_divided_it_loses_as_much_and_learns_the_same_weights(trained, alone, name):
    folder = alone(name)
    assert epochs(trained, name) == pytest.approx(epochs(folder, name), abs=TOLERANCE)
    assert farthest(weights(trained, name), weights(folder, name)) < TOLERANCE
    losses = epochs(folder, name)[::2]
    assert abs(losses[0] - losses[-1]) > 10 * TOLERANCE  # It did learn, so the comparison says something.


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", [*TRAININGS, "dropout", "resumed"])
def test_every_process_ends_with_the_same_weights(trained, name):
    first, second = (load_file(trained / f"{name}.{rank}.safetensors") for rank in (0, 1))
    assert all(first[key].equal(second[key]) for key in first)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_each_of_two_processes_has_half_of_the_layers(trained):
    for rank in (0, 1):
        assert json.loads((trained / f"share.{rank}.json").read_text()) == 0.5


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_checkpoint_is_whole_and_gone_on_from_by_two_processes_or_one(trained, alone, tmp_path):
    kept = CheckpointFolder(trained / "kept", {}).load_last()
    assert kept.facts["step"] == 6
    whole = weights(alone("full"), "full")
    assert all(
        tensor.shape == whole[name[6:]].shape for name, tensor in kept.tensors.items() if name[:6] == "model."
    )
    assert farthest(weights(trained, "resumed"), whole) < TOLERANCE
    (tmp_path / "kept").mkdir()
    for file in (trained / "kept").iterdir():
        (tmp_path / "kept" / file.name).write_bytes(file.read_bytes())
    assert farthest(weights(alone("resumed-alone", keep=tmp_path / "kept"), "resumed-alone"), whole) < TOLERANCE


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", DIVIDED)
def test_a_divided_model_of_every_architecture_gives_what_the_whole_one_gives(trained, kind):
    states, gradients, n_divided = json.loads((trained / "architectures.0.json").read_text())[kind]
    assert states < 1e-5
    assert gradients < 1e-3
    assert n_divided >= 2 * 6  # Two layers of six products.


def test_heads_and_units_have_to_come_out_even():
    config = {
        "model_type": "llama",
        "num_attention_heads": 9,
        "num_key_value_heads": 3,
        "intermediate_size": 1536,
    }
    assert division_faults(config, 3) == []
    (fault,) = division_faults(config, 2)
    assert "9 attention heads, which 2 processes cannot share equally; use --processes 3" in fault
    (fault,) = division_faults(config | {"num_attention_heads": 6}, 2)
    assert "3 heads of keys and values" in fault
    (fault,) = division_faults({"model_type": "distilbert", "n_heads": 12, "hidden_dim": 3071}, 2)
    assert "3,071 units of its feed-forward network" in fault


def test_an_architecture_that_no_row_names_is_said_with_those_that_have_one():
    (fault,) = division_faults({"model_type": "modernbert"}, 2)
    assert "the architecture modernbert, only of bert, " in fault
    assert fault.endswith("use --parallel data or shards")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"parallel": "shards"}, "one process trains each model. Add --processes 2"),
        ({"parallel": "data", "processes": 2, "on": "ray"}, "Leave out --parallel or --on"),
        ({"parallel": "data", "processes": 2, "environment": FSDP}, "ask for FSDP. Launch without --use_fsdp"),
        ({"parallel": "tensor", "processes": 2, "environment": FSDP}, "or use --parallel shards"),
        (
            {"parallel": "tensor", "processes": 2, "environment": {"ACCELERATE_MIXED_PRECISION": "fp16"}},
            "Use --mixed_precision bf16 or no",
        ),
        (
            {"parallel": "shards", "processes": 2, "environment": {"FSDP_OFFLOAD_PARAMS": "true"}},
            "Add --fsdp_offload_params false",
        ),
        (
            {"parallel": None, "processes": 2, "environment": FSDP | {"FSDP_VERSION": "1"}},
            "Add --fsdp_version 2",
        ),
    ],
)
def test_what_contradicts_itself_is_said(given, sentence):
    usual = {"parallel": None, "processes": 1, "on": None, "environment": {}}
    check_parallel(**usual)
    with pytest.raises(CallError, match=sentence):
        check_parallel(**(usual | given))


def test_every_contradiction_is_said_at_once():
    with pytest.raises(SettingsError, match=r"(?s)Add --processes 2.*--use_fsdp"):
        check_parallel("tensor", processes=1, on=None, environment=FSDP)


def test_launched_processes_find_in_their_environment_what_is_asked_of_them():
    assert parallel_here(environment_of(None, {})) == parallel_here(environment_of("data", {})) == "data"
    assert parallel_here(environment_of("tensor", {})) == "tensor"
    assert parallel_here(environment_of(None, FSDP)) == "shards"
    shards = environment_of("shards", {"FSDP_AUTO_WRAP_POLICY": "NO_WRAP", "OTHER": "1"})
    assert parallel_here(shards) == "shards"
    assert shards["FSDP_VERSION"] == "2"
    assert (shards["FSDP_AUTO_WRAP_POLICY"], shards["OTHER"]) == ("NO_WRAP", "1")


def test_what_cannot_be_trained_in_divided_layers_is_said():
    for able in ("full", "head", "top:2", "lora:8", "bitfit", None):
        assert tensor_faults(able, "focal:2+fgm:1", "adamw") == []
    for unable in ("adalora:8", "prefix:16", "prompt", "adapter:48", "ia3"):
        (fault,) = tensor_faults(unable, None, None)
        assert "use one of full, head, top, lora, bitfit" in fault
    (fault,) = tensor_faults(None, "cross_entropy+ewc:0.5", None)
    assert "objective has ewc" in fault
    (fault,) = tensor_faults(None, None, "adafactor")
    assert "optimizer is adafactor" in fault
