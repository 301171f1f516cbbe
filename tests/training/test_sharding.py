"""Weights that are shared out among processes learn what whole ones learn."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from accelerate.utils import FullyShardedDataParallelPlugin
from safetensors.torch import load_file

from metier.bases.huggingface_folder import load_model
from metier.bases.known_bases import resolve_base
from metier.errors import CallError, SettingsError
from metier.training import sharding
from metier.training.checkpoint import CheckpointFolder
from metier.training.sharding_settings import check_shards, shard_faults

WORKER = Path(__file__).with_name("shared_out_training.py")
TRAININGS = ("full", "accumulated", "lora", "top", "adapter", "fgm", "mixup")
# The norm of a gradient is summed in another order, and a step goes as far as the rate says, however small a gradient.
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def trained(tmp_path_factory, tiny_base):
    """The folder in which two processes left the weights of every training."""
    folder = tmp_path_factory.mktemp("trained")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    subprocess.run([*launcher, str(WORKER), str(tiny_base), str(folder)], check=True, timeout=800)
    return folder


def of(folder, name, rank=0):
    return load_file(folder / f"{name}.{rank}.safetensors")


def farthest(found, expected):
    assert found.keys() == expected.keys()
    return max(float((found[name] - weight).abs().max()) for name, weight in expected.items() if weight.numel())


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", TRAININGS)
def test_shared_out_it_learns_the_same_weights(trained, tiny_base, name):
    whole, shared = of(trained, f"{name}.whole"), of(trained, f"{name}.shared")
    assert farthest(shared, whole) < TOLERANCE
    assert farthest(of(trained, f"{name}.shared", rank=1), shared) == 0
    base = load_model(resolve_base(str(tiny_base))).state_dict()
    learned = whole["encoder.encoder.layer.1.output.LayerNorm.bias"]
    if name not in ("lora", "adapter"):
        # It did learn, so the comparison says something.
        assert float((learned - base["encoder.layer.1.output.LayerNorm.bias"]).abs().max()) > 5 * TOLERANCE


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_each_of_two_processes_has_half_the_weights_and_the_model_is_itself_afterwards(trained):
    for rank in (0, 1):
        assert 0.45 < json.loads((trained / f"share.{rank}.json").read_text()) < 0.55


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_checkpoint_is_the_same_and_is_gone_on_from_either_way(trained):
    whole, shared = (CheckpointFolder(trained / f"kept.{kind}", {}).load_last() for kind in ("whole", "shared"))
    assert whole.facts["step"] == shared.facts["step"] == 6
    assert any(name.startswith("optimizer.3.exp_avg_sq") for name in shared.tensors)
    assert farthest(shared.tensors, whole.tensors) < TOLERANCE
    expected = of(trained, "full.whole")
    for way in ("shared-shared", "shared-whole", "whole-shared"):
        assert farthest(of(trained, way), expected) < TOLERANCE


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"FSDP_VERSION": "1"}, "its version is 1, .* Add --fsdp_version 2"),
        ({"FSDP_OFFLOAD_PARAMS": "true"}, "Add --fsdp_offload_params false"),
        ({"FSDP_ACTIVATION_CHECKPOINTING": "true"}, "gradient_checkpointing=true"),
        ({"FSDP_IGNORED_MODULES": "head"}, "Remove fsdp_ignored_modules"),
        ({"ACCELERATE_MIXED_PRECISION": "fp16"}, "Use --mixed_precision bf16"),
    ],
)
def test_what_is_asked_for_in_vain_is_said_with_what_would_do(settings, sentence):
    environment = {"ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "2"}
    check_shards(environment)
    check_shards(settings)  # Without FSDP they say nothing.
    with pytest.raises(CallError, match=sentence):
        check_shards(environment | settings)


def test_every_fault_of_the_settings_is_said_at_once():
    with pytest.raises(CallError, match=r"(?s)version is 1.*fp16"):
        check_shards({"ACCELERATE_USE_FSDP": "1", "ACCELERATE_MIXED_PRECISION": "fp16"})


def test_what_looks_at_whole_weights_is_said():
    assert shard_faults("lora:8", "focal:2+fgm:1", "adamw") == shard_faults(None, None, None) == []
    (adaptation,) = shard_faults("adalora:8", "cross_entropy", None)
    assert "take 'lora:8'" in adaptation
    (objective,) = shard_faults("full", "cross_entropy+ewc:0.5", None)
    assert "ewc in objective" in objective
    (optimizer,) = shard_faults(None, None, "adafactor")
    assert "take 'adamw'" in optimizer


def units(monkeypatch, model, policy, **others):
    monkeypatch.setenv("FSDP_VERSION", "2")
    monkeypatch.setenv("FSDP_AUTO_WRAP_POLICY", policy)
    for name, value in others.items():
        monkeypatch.setenv(name, value)
    return sharding._units(model, FullyShardedDataParallelPlugin())


def test_units_are_what_the_wrap_policy_says(monkeypatch, tiny_base):
    model = load_model(resolve_base(str(tiny_base)))
    layers = list(model.encoder.layer)
    assert units(monkeypatch, model, "NO_WRAP") == []
    assert set(units(monkeypatch, model, "TRANSFORMER_BASED_WRAP")) == set(layers)
    by_size = units(monkeypatch, model, "SIZE_BASED_WRAP", FSDP_MIN_NUM_PARAMS="1000000")
    # The inner ones first, and no list of layers, which has no pass of its own.
    assert set(layers) < set(by_size)
    assert model.encoder.layer not in by_size
    assert not {model.embeddings, model.embeddings.word_embeddings} & set(by_size)
    assert by_size.index(layers[0]) < by_size.index(model.encoder)
    named = {"FSDP_TRANSFORMER_CLS_TO_WRAP": "BertAttention,BertIntermediate"}
    kinds = {type(unit).__name__ for unit in units(monkeypatch, model, "TRANSFORMER_BASED_WRAP", **named)}
    assert kinds == {"BertAttention", "BertIntermediate"}


def test_layers_that_the_model_has_not_are_said_with_those_it_has(monkeypatch, tiny_base):
    model = load_model(resolve_base(str(tiny_base)))
    named = {"FSDP_TRANSFORMER_CLS_TO_WRAP": "LlamaDecoderLayer"}
    with pytest.raises(SettingsError, match="Its layers are BertLayer"):
        units(monkeypatch, model, "TRANSFORMER_BASED_WRAP", **named)
