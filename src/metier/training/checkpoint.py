"""Checkpoints that survive `kill -9`, in safetensors and JSON only.

A checkpoint is written under a hidden name, flushed to the disk, and then renamed: a reader sees all of it or
nothing, whenever the process died. The last two are kept, so that a torn disk costs one interval, not the run.
`state.json` holds the SHA-256 of the tensors, so what the disk lost is found before it is trained on.
"""

import hashlib
import json
import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from metier.errors import CallError, StorageError, UnreadableFileError

TENSORS_FILE = "tensors.safetensors"
STATE_FILE = "state.json"
KEPT = 2


@dataclass(frozen=True)
class Checkpoint:
    """Everything a run needs to go on.

    Parameters
    ----------
    tensors : dict of str to Tensor
        Weights, moments of the optimizer, state of the random generator, best weights so far.
    facts : dict
        Numbers and lists: step, epoch, position in the epoch, seconds, history. JSON.
    """

    tensors: Mapping[str, torch.Tensor]
    facts: Mapping[str, Any]


class CheckpointFolder:
    """Where the checkpoints of one run are.

    Parameters
    ----------
    folder : Path
        Made when first written to.
    settings : mapping
        What the run was started with. A checkpoint of other settings is refused, since going on from it would
        give an answer that belongs to neither.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any]):
        self.folder = Path(folder)
        self._settings: dict[str, Any] = json.loads(json.dumps(settings, default=str))

    def save(self, checkpoint: Checkpoint, *, kept: int = KEPT) -> None:
        """Write a checkpoint, then remove all but the last `kept`.

        Raises
        ------
        StorageError
            If the disk refused; earlier checkpoints are untouched.
        """
        step = int(checkpoint.facts["step"])
        unfinished = self.folder / f".writing-{step:08d}-{os.getpid()}"
        try:
            self._sweep()
            unfinished.mkdir(parents=True)
            self._write(unfinished, checkpoint)
            final = self.folder / f"step-{step:08d}"
            if final.exists():  # The same step again, after a resumed run repeated it.
                shutil.rmtree(final)
            unfinished.rename(final)
            _flush_folder(self.folder)
        except (OSError, SafetensorError) as error:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise StorageError(
                f"The checkpoint of step {step} could not be written to {self.folder} ({error}). "
                "Free some space or name another folder; the run can resume from the previous checkpoint."
            ) from error
        for old in self._finished()[:-kept]:
            shutil.rmtree(old)

    def load_last(self) -> Checkpoint | None:
        """Read the newest checkpoint that is whole, or None if nothing was ever kept.

        Raises
        ------
        CallError
            If it belongs to a run with other settings or other rows.
        UnreadableFileError
            If checkpoints are there and none is whole.
        """
        finished = self._finished()
        faults = []
        for folder in reversed(finished):
            try:
                return self._read(folder)
            except (OSError, ValueError, KeyError, SafetensorError) as error:
                if isinstance(error, CallError):
                    raise
                faults.append(f"{folder.name}: {error}")
        if faults:
            raise UnreadableFileError(
                f"No checkpoint in {self.folder} is whole ({'; '.join(faults)}). "
                "Delete the folder and train from the start."
            )
        return None

    def _finished(self) -> list[Path]:
        return sorted(self.folder.glob("step-*"))

    def _sweep(self) -> None:
        for left_over in self.folder.glob(
            ".writing-*"
        ):  # Of a process that was killed in the middle of writing.
            shutil.rmtree(left_over, ignore_errors=True)

    def _write(self, folder: Path, checkpoint: Checkpoint) -> None:
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in checkpoint.tensors.items()}
        save_file(tensors, folder / TENSORS_FILE)
        state = {
            "settings": self._settings,
            "facts": dict(checkpoint.facts),
            "sha256": _file_hash(folder / TENSORS_FILE),
        }
        (folder / STATE_FILE).write_text(json.dumps(state, ensure_ascii=False, indent=1), encoding="utf-8")
        for path in (folder / TENSORS_FILE, folder / STATE_FILE):
            with path.open("rb") as file:
                os.fsync(file.fileno())
        _flush_folder(folder)

    def _read(self, folder: Path) -> Checkpoint:
        state = json.loads((folder / STATE_FILE).read_text(encoding="utf-8"))
        different = sorted(
            name
            for name in self._settings.keys() | state["settings"].keys()
            if self._settings.get(name) != state["settings"].get(name)
        )
        if different:
            found = ", ".join(f"{name} was {state['settings'].get(name)!r}" for name in different)
            wanted = ", ".join(f"{name} = {self._settings.get(name)!r}" for name in different)
            raise CallError(
                f"The checkpoint in {self.folder} is of another run: {found}; this run has {wanted}. "
                "Resume with the same rows and settings, or delete the folder to train from the start."
            )
        if _file_hash(folder / TENSORS_FILE) != state["sha256"]:
            raise ValueError(f"{TENSORS_FILE} was changed after it was written")
        return Checkpoint(load_file(folder / TENSORS_FILE), state["facts"])


def _file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _flush_folder(folder: Path) -> None:
    # Without it the rename itself may be lost with the power.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def deferred_interrupt() -> Iterator[Callable[[], bool]]:
    """Hold Ctrl-C back until a step is whole, so that the checkpoint is of a state that exists.

    Yields a function that says whether Ctrl-C was pressed. A second one interrupts at once. Outside the main
    thread signals cannot be held, and nothing is.
    """
    pressed: list[int] = []

    def hold(number: int, frame: Any) -> None:
        if pressed:
            raise KeyboardInterrupt
        pressed.append(number)

    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    before = signal.signal(signal.SIGINT, hold)
    try:
        yield lambda: bool(pressed)
    finally:
        signal.signal(signal.SIGINT, before)
