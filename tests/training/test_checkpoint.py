import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch

from metier.errors import CallError, StorageError, UnreadableFileError
from metier.training.checkpoint import Checkpoint, CheckpointFolder

SETTINGS = {"learning_rate": 1e-4, "rows": "abc"}


def checkpoint(step):
    return Checkpoint(
        {"weight": torch.full((3, 2), float(step)), "step": torch.tensor(step)}, {"step": step, "seconds": 1.5}
    )


def test_what_was_saved_comes_back_to_the_bit(tmp_path):
    folder = CheckpointFolder(tmp_path / "run", SETTINGS)
    assert folder.load_last() is None
    tensors = {"weight": torch.randn(5, 7), "random": torch.get_rng_state(), "step": torch.tensor(3.0)}
    folder.save(Checkpoint(tensors, {"step": 3, "history": [{"loss": 0.1}]}))
    back = folder.load_last()
    assert back.facts == {"step": 3, "history": [{"loss": 0.1}]}
    assert back.tensors.keys() == tensors.keys()
    assert all(torch.equal(back.tensors[name], tensor) for name, tensor in tensors.items())


def test_the_last_two_are_kept(tmp_path):
    folder = CheckpointFolder(tmp_path, SETTINGS)
    for step in (1, 5, 20):
        folder.save(checkpoint(step))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000005", "step-00000020"]
    assert folder.load_last().facts["step"] == 20


def test_nothing_is_pickled(tmp_path):
    CheckpointFolder(tmp_path, SETTINGS).save(checkpoint(1))
    assert {path.suffix for path in tmp_path.rglob("*") if path.is_file()} == {".safetensors", ".json"}


@pytest.mark.parametrize("damage", ["cut", "flipped", "no-state", "bad-json"])
def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(tmp_path, damage):
    folder = CheckpointFolder(tmp_path, SETTINGS)
    folder.save(checkpoint(1))
    folder.save(checkpoint(2))
    tensors, state = (
        tmp_path / "step-00000002" / "tensors.safetensors",
        tmp_path / "step-00000002" / "state.json",
    )
    content = tensors.read_bytes()
    if damage == "cut":
        tensors.write_bytes(content[:-5])
    elif damage == "flipped":
        tensors.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif damage == "no-state":
        state.unlink()
    else:
        state.write_text(state.read_text()[:20])
    assert folder.load_last().facts["step"] == 1


def test_when_none_is_whole_a_sentence_says_so(tmp_path):
    folder = CheckpointFolder(tmp_path, SETTINGS)
    folder.save(checkpoint(1))
    (tmp_path / "step-00000001" / "tensors.safetensors").write_bytes(b"rubbish")
    with pytest.raises(UnreadableFileError, match=r"No checkpoint in .* is whole .*train from the start"):
        folder.load_last()


def test_a_checkpoint_of_other_settings_is_refused_and_named(tmp_path):
    CheckpointFolder(tmp_path, SETTINGS).save(checkpoint(1))
    with pytest.raises(CallError, match=r"learning_rate was 0\.0001; this run has learning_rate = 0\.0002"):
        CheckpointFolder(tmp_path, {**SETTINGS, "learning_rate": 2e-4}).load_last()


def test_a_disk_that_refuses_leaves_nothing_half_written(tmp_path, monkeypatch):
    folder = CheckpointFolder(tmp_path, SETTINGS)
    folder.save(checkpoint(1))

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="No space left on device"):
        folder.save(checkpoint(2))
    monkeypatch.undo()
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000001"]
    assert folder.load_last().facts["step"] == 1


WRITER = """
import sys, torch
from pathlib import Path
from metier.training.checkpoint import Checkpoint, CheckpointFolder

folder = CheckpointFolder(Path(sys.argv[1]), {})
for step in range(1, 10_000):
    folder.save(Checkpoint({"weight": torch.full((1_000_000,), float(step))}, {"step": step}))
    print(step, flush=True)
"""


def test_kill_in_the_middle_of_writing_leaves_a_whole_checkpoint(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    last = 0
    while last < 3:
        last = int(process.stdout.readline())
    deadline = time.monotonic() + 60
    # Mostly it is writing, so wait for a moment when it is in the middle.
    while not list(tmp_path.glob(".writing-*/tensors.safetensors")) and time.monotonic() < deadline:
        pass
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()

    folder = CheckpointFolder(tmp_path, {})
    kept = folder.load_last()
    step = kept.facts["step"]
    assert step >= last
    assert torch.equal(kept.tensors["weight"], torch.full((1_000_000,), float(step)))
    folder.save(checkpoint(step + 1))
    assert not list(tmp_path.glob(".writing-*"))  # What the killed process left is swept up.


def test_the_state_is_readable_json(tmp_path):
    CheckpointFolder(tmp_path, SETTINGS).save(checkpoint(4))
    state = json.loads((tmp_path / "step-00000004" / "state.json").read_text())
    assert state["settings"] == SETTINGS
    assert state["facts"]["step"] == 4
    assert len(state["sha256"]) == 64
