"""Trackers of a run: TensorBoard, Weights & Biases and MLflow, each on request.

A tracker gets what the terminal gets, the facts of `Progress`, and at the end the scores of every candidate. All
three come with `metier[track]` and stay on this machine unless their own settings (`WANDB_MODE`,
`MLFLOW_TRACKING_URI`) say otherwise.
"""

import importlib
import importlib.util
import os
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from metier.errors import MissingExtraError, UnknownNameError
from metier.progress import Listener, Progress


class Tracker(Protocol):
    """Records numbers while a run goes on."""

    def record(self, name: str, values: Mapping[str, float], step: int) -> None:
        """Write facts of one step of one candidate."""
        ...

    def close(self, settings: Mapping[str, Any]) -> None:
        """Write the settings of a finished run, and end."""
        ...


def check_trackers(names: Sequence[str]) -> None:
    """Raise before any work for a tracker that is unknown or not installed."""
    for name in names:
        if name not in TRACKERS:
            raise UnknownNameError("tracker", name, known=TRACKERS)
        if importlib.util.find_spec(name) is None:
            raise MissingExtraError(f"--track {name}", extra="track")


def open_trackers(names: Sequence[str], folder: Path) -> list[Tracker]:
    """Give the trackers of a run, by name; what they write lies in the run's folder."""
    return [TRACKERS[name](folder) for name in names]


def followed(listener: Listener, trackers: Sequence[Tracker]) -> Listener:
    """Give a listener that passes facts to the trackers, too."""

    def record(progress: Progress) -> None:
        listener(progress)
        values = {name: float(value) for name, value in progress.facts.items() if name != "step"}
        if values:
            step = int(progress.facts.get("step", progress.done))
            for tracker in trackers:
                tracker.record(tag(progress.what), values, step)

    return record if trackers else listener


def close_trackers(trackers: Sequence[Tracker], report: Mapping[str, Any]) -> None:
    """Record the scores of every candidate, epoch by epoch where it has epochs, and end."""
    for tracker in trackers:
        for one in report["candidates"]:
            if one["status"] != "trained":
                continue
            for epoch in _epochs(one["facts"]):
                values = {f"epoch/{name}": value for name, value in epoch.items() if name != "epoch"}
                tracker.record(one["name"], values, int(epoch["epoch"]))
            tracker.record(one["name"], scores_of(one), 0)
        tracker.close(report["settings"])


def scores_of(candidate: Mapping[str, Any]) -> dict[str, float]:
    """Give the scores of a candidate of a report as names and numbers."""
    values = {
        f"{split}/{metric}": score["value"] if isinstance(score, Mapping) else score
        for split in ("validation", "test")
        for metric, score in (candidate[split] or {}).items()
    }
    latency = candidate["latency_ms"] or {}
    values |= {"latency_ms": latency.get("mean"), "size_bytes": candidate["size_bytes"]}
    values["train_seconds"] = candidate["train_seconds"]
    return {name: float(value) for name, value in values.items() if isinstance(value, int | float)}


def _epochs(facts: Mapping[str, Any]) -> list[Mapping[str, float]]:
    epochs = facts.get("epochs")
    return [one for one in epochs if isinstance(one, Mapping)] if isinstance(epochs, list) else []


def tag(what: str) -> str:
    """Give a step's name as every tracker takes it: `encoder.v1: fine-tuning` is `encoder.v1/fine-tuning`."""
    return re.sub(r"[^\w./ -]+", "_", re.sub(r"[:,]\s*", "/", what)).replace(" ", "_").strip("/_")


class TensorBoard:
    """One folder of event files a candidate: `tensorboard --logdir RUN/tensorboard`.

    Only TensorBoard's records and protocol buffers are imported: neither of its summary writers, which start a thread
    a file and load TensorFlow where it is installed.
    """

    def __init__(self, folder: Path):
        self._folder = folder / "tensorboard"
        self._paths: dict[str, Path] = {}
        self._records = importlib.import_module("tensorboard.summary.writer.record_writer")
        self._event = importlib.import_module("tensorboard.compat.proto.event_pb2").Event
        self._summary = importlib.import_module("tensorboard.compat.proto.summary_pb2").Summary

    def record(self, name: str, values: Mapping[str, float], step: int) -> None:
        """Write facts under the candidate's name, so that candidates share each plot."""
        candidate, _, part = name.partition("/")
        if candidate not in self._paths:
            self._start(candidate)
        named = [
            self._summary.Value(tag=f"{part}/{key}" if part else key, simple_value=value)
            for key, value in values.items()
        ]
        self._write(candidate, step=step, summary=self._summary(value=named))

    def close(self, settings: Mapping[str, Any]) -> None:
        """Nothing is open."""

    def _start(self, candidate: str) -> None:
        folder = self._folder / candidate
        folder.mkdir(parents=True, exist_ok=True)
        self._paths[candidate] = folder / f"events.out.tfevents.{time.time_ns()}.metier"
        self._write(candidate, file_version="brain.Event:2")

    def _write(self, candidate: str, **content: Any) -> None:
        """Write one event; it is on the disk when the call returns."""
        event = self._event(wall_time=time.time(), **content)
        with self._paths[candidate].open("ab") as file:
            self._records.RecordWriter(file).write(event.SerializeToString())


class WeightsAndBiases:
    """A run of Weights & Biases, offline unless `WANDB_MODE` says otherwise."""

    def __init__(self, folder: Path):
        wandb = importlib.import_module("wandb")
        self._run = wandb.init(
            project="metier", name=folder.name, dir=str(folder), mode=os.environ.get("WANDB_MODE", "offline")
        )

    def record(self, name: str, values: Mapping[str, float], step: int) -> None:
        """Write facts; each candidate counts its own steps, so the step is one of the facts."""
        self._run.log({f"{name}/{key}": value for key, value in values.items()} | {f"{name}/step": step})

    def close(self, settings: Mapping[str, Any]) -> None:
        """Write the settings and end the run."""
        self._run.config.update(dict(settings))
        self._run.finish()


class MlFlow:
    """A run of MLflow, in an SQLite file of the run's folder unless `MLFLOW_TRACKING_URI` names a server."""

    def __init__(self, folder: Path):
        mlflow = importlib.import_module("mlflow")
        address = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{folder.resolve()}/mlflow.db"
        self._client = mlflow.tracking.MlflowClient(tracking_uri=address)
        found = self._client.get_experiment_by_name("metier")
        experiment = found.experiment_id if found else self._client.create_experiment("metier")
        self._run = self._client.create_run(experiment, run_name=folder.name).info.run_id

    def record(self, name: str, values: Mapping[str, float], step: int) -> None:
        """Write facts, one metric each."""
        for key, value in values.items():
            self._client.log_metric(self._run, f"{name}/{key}", value, step=step)

    def close(self, settings: Mapping[str, Any]) -> None:
        """Write the settings and end the run."""
        for key, value in settings.items():
            self._client.log_param(self._run, key, str(value)[:500])
        self._client.set_terminated(self._run)


TRACKERS: dict[str, type] = {"tensorboard": TensorBoard, "wandb": WeightsAndBiases, "mlflow": MlFlow}
