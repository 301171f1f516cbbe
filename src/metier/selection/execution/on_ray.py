"""Fits the candidates of a run on a Ray cluster: each is a task, and all of them start at once.

The tasks need `metier[train]` on the machines of the cluster and nothing of this one's disk: rows go there as
JSON, exported files come back as bytes. Ray itself is the extra `metier[ray]`.
"""

import importlib
import importlib.util
import socket
from pathlib import Path
from typing import Any

from metier.errors import CallError, MissingExtraError
from metier.progress import Listener, Progress
from metier.selection.execution.fitting import Fitted, Fitter, Here, Job, Together, run_job_text
from metier.selection.settings import TrainSettings

ANSWER_SECONDS = 3.0
WAIT_SECONDS = 2.0
LOCAL = "ray"


def check_cluster(on: str) -> None:
    """Raise before any work where `--on` names no cluster that answers; takes a few seconds at most.

    Raises
    ------
    CallError
        If the value is not `ray` or `ray:HOST:PORT`, or no cluster answers there.
    MissingExtraError
        If Ray is not installed.
    """
    kind, _, address = on.partition(":")
    if kind != LOCAL:
        raise CallError(f"--on takes ray or ray:HOST:PORT; found {on!r}.")
    if importlib.util.find_spec("ray") is None:
        raise MissingExtraError("--on ray", extra="ray")
    if not address:
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        raise CallError(
            f"The address of a Ray cluster is HOST:PORT, as in --on ray:10.0.0.5:6379; found {on!r}."
        )
    try:
        socket.create_connection((host, int(port)), timeout=ANSWER_SECONDS).close()
    except OSError as error:
        raise CallError(
            f"No Ray cluster answers at {host}:{port} ({error.strerror or error}). Start one there with "
            f"`ray start --head --port {port}`, or compare on this machine with --on ray."
        ) from None


class OnRay:
    """Fits on a Ray cluster.

    Parameters
    ----------
    on : str
        `ray` for a cluster of this machine's cores that ends with the run, or `ray:HOST:PORT`.
    threads : int
        Cores of a cluster of this machine, and of each task at most.
    """

    begins_early = True

    def __init__(self, on: str, *, threads: int):
        ray = importlib.import_module("ray")
        address = on.partition(":")[2]
        options: dict[str, Any] = {"address": address} if address else {"num_cpus": threads}
        ray.init(include_dashboard=None if address else False, log_to_driver=False, **options)
        self._ray = ray
        self._begun: dict[str, Any] = {}

    def begin(self, job: Job) -> None:
        """Let a job begin before it is asked for."""
        text = job.as_json
        if text is not None:
            self._begun[text] = self._ray.remote(num_cpus=1)(run_job_text).remote(text)

    def fit(self, job: Job, folder: Path, listener: Listener) -> Fitted:
        """Wait for a job, begun or not, and leave its export in an empty folder."""
        text = job.as_json
        if text is None:
            return Here().fit(job, folder, listener)
        if text not in self._begun:
            self.begin(job)
        waiting = self._begun.pop(text)
        while not self._ray.wait([waiting], timeout=WAIT_SECONDS)[0]:
            listener(Progress(f"{job.name}: training on Ray", 0, None, unit=""))
        files, result = self._ray.get(waiting)
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return Fitted(**result)

    def close(self) -> None:
        """Leave the cluster; one of this machine's own ends."""
        self._ray.shutdown()


def fitter_for(settings: TrainSettings) -> Fitter:
    """Give what fits the candidates of a run."""
    if settings.on is not None:
        return OnRay(settings.on, threads=settings.threads)
    if settings.processes == 1:
        return Here()
    return Together(settings.processes, settings.threads, settings.parallel)
