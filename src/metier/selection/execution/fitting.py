"""Where a candidate is fitted: in this process, in several that train together, or on another machine.

A fit is a job: a method by its name and arguments, rows, and a folder that its export is left in. Here it is
simply done; elsewhere it is written down as JSON, done there by `run_job`, and its folder comes back. The comparison
neither knows nor cares.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np

from metier import catalogue
from metier.errors import BudgetError, CallError, MetierError
from metier.progress import Listener, Progress, ignore
from metier.selection.execution.parallel_checks import check_divided, check_together
from metier.tasks.method_contract import Capabilities, Method, StatesFacts
from metier.training.parallel_settings import Parallel, environment_of

LAST_WORDS = 2_000
FAULT_FILE = "fault.txt"
PLACES = frozenset({"RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"})


@dataclass
class Job:
    """One fit.

    Parameters
    ----------
    name : str
        Versioned name of the candidate.
    method : Method
        Unfitted.
    items, targets : sequences
        To learn from.
    validation : tuple of items and targets, or None
    soft : sequence of sequence of float, or None
        A teacher's probabilities of the labels for each item, for a method that takes them.
    method_name : str or None
        Versioned name of the method where the candidate has another.
    """

    name: str
    method: Method
    items: Sequence[Any]
    targets: Sequence[Any]
    validation: tuple[Sequence[Any], Sequence[Any]] | None = None
    soft: Sequence[Sequence[float]] | None = None
    method_name: str | None = None

    @property
    def capabilities(self) -> Capabilities:
        """What the method states about itself."""
        return catalogue.capabilities(self.method_name or self.name)

    def run(self, listener: Listener) -> None:
        """Fit the method."""
        given: dict[str, Any] = {} if self.validation is None else {"validation": self.validation}
        if self.soft is not None:
            given["soft"] = np.asarray(self.soft, dtype=np.float64)
        self.method.fit(self.items, self.targets, listener=listener, **given)

    @property
    def as_json(self) -> str | None:
        """The job written down; None where a part of it is not a plain value."""
        arguments = {
            key: str(value) if isinstance(value, Path) else value
            for key, value in self.method.get_params(deep=False).items()
        }
        facts = {
            "name": self.name, "method_name": self.method_name, "arguments": arguments, "items": list(self.items),
            "targets": list(self.targets), "validation": self.validation and list(map(list, self.validation)),
            "soft": None if self.soft is None else np.asarray(self.soft).tolist(),
        }  # fmt: skip
        try:
            return json.dumps(facts)
        except TypeError:
            return None

    @classmethod
    def from_json(cls, text: str) -> "Job":
        """Read what `as_json` wrote."""
        facts = json.loads(text)
        arguments = {
            key: tuple(value) if isinstance(value, list) else value for key, value in facts["arguments"].items()
        }
        method = catalogue.resolve(facts["method_name"] or facts["name"])(**arguments)
        kept = {key: facts[key] for key in ("name", "items", "targets", "soft", "method_name")}
        validation = facts["validation"]
        return cls(method=method, validation=validation and tuple(validation), **kept)


@dataclass(frozen=True)
class Fitted:
    """How a fit went: wall seconds with its export, the choices it made, and what it found worth telling.

    `export_seconds` of them went into the export.
    """

    seconds: float
    params: dict[str, Any]
    facts: dict[str, Any]
    export_seconds: float = 0.0


class Fitter(Protocol):
    """Does jobs.

    Attributes
    ----------
    begins_early : bool
        Whether jobs begin before they are asked for: what they are is then decided for all of them at once.
    """

    @property
    def begins_early(self) -> bool:
        """Whether `begin` does more than take note."""
        ...

    def begin(self, job: Job) -> None:
        """Take note of a job that will be asked for."""
        ...

    def fit(self, job: Job, folder: Path, listener: Listener) -> Fitted:
        """Fit, and leave the export in an empty folder."""
        ...

    def close(self) -> None:
        """End what was begun for the run."""
        ...


class Here:
    """Fits in this process."""

    begins_early = False

    def begin(self, job: Job) -> None:
        """One job after the other: nothing begins early."""

    def close(self) -> None:
        """Nothing is open."""

    def fit(self, job: Job, folder: Path, listener: Listener) -> Fitted:
        """Fit, and leave the export in an empty folder."""
        start = time.perf_counter()
        job.run(listener)
        fitted = time.perf_counter()
        job.method.export(folder)
        end = time.perf_counter()
        facts = dict(job.method.facts_) if isinstance(job.method, StatesFacts) else {}
        return Fitted(end - start, dict(job.method.chosen_params_), facts, end - fitted)


@dataclass(frozen=True)
class Together:
    """Fits in several processes of this machine that train one model; what makes no epochs is fitted here.

    Settings of accelerate in the environment go with the processes: mixed precision, FSDP.

    Parameters
    ----------
    processes : int
    threads : int
        Of all of them together.
    parallel : {"data", "shards", "tensor"}, optional
        How they share the work, see `training.parallel_settings`.
    """

    processes: int
    threads: int
    parallel: Parallel | None = None
    begins_early: ClassVar[bool] = False

    def begin(self, job: Job) -> None:
        """One job after the other: nothing begins early."""

    def close(self) -> None:
        """Nothing is open."""

    def fit(self, job: Job, folder: Path, listener: Listener) -> Fitted:
        """Fit, and leave the export in an empty folder.

        Raises
        ------
        BudgetError
            If the processes fail.
        CallError
            If they cannot train it so, see `parallel_checks`.
        """
        text = job.as_json if job.capabilities.trains_together else None
        if text is None:
            return Here().fit(job, folder, listener)
        given = job.method.get_params(deep=False)
        check_together({job.name: given}, parallel=self.parallel, processes=self.processes)
        if "base" in given:
            bases = {job.capabilities.base_does: [given["base"]]}
            check_divided(
                [job.method_name or job.name], bases, parallel=self.parallel, processes=self.processes
            )
        desk = folder.with_name(folder.name + ".job")
        shutil.rmtree(desk, ignore_errors=True)
        desk.mkdir(parents=True)
        (desk / "job.json").write_text(text, encoding="utf-8")
        self._launch(desk, job.name, listener)
        result = Fitted(**json.loads((desk / "result.json").read_text(encoding="utf-8")))
        shutil.copytree(desk / "export", folder, dirs_exist_ok=True)
        shutil.rmtree(desk)
        return result

    def _launch(self, desk: Path, name: str, listener: Listener) -> None:
        command = [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
            *("--nproc_per_node", str(self.processes), "-m", "metier.selection.execution.fitting", str(desk)),
        ]
        environment = environment_of(self.parallel, launch_environment())
        environment |= {"OMP_NUM_THREADS": str(max(1, self.threads // self.processes))}
        with (
            (desk / "errors.log").open("wb") as errors,
            subprocess.Popen(  # noqa: S603  # Our own command.
                command,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=environment,
                encoding="utf-8",
                errors="replace",
            ) as running,
        ):
            assert running.stdout is not None
            try:
                for line in running.stdout:
                    if line.startswith("{"):
                        listener(Progress(**json.loads(line)))
            except BaseException:  # Ctrl-C too: no process may outlive its run.
                running.terminate()
                raise
        if running.returncode or not (desk / "result.json").exists():
            fault = desk / FAULT_FILE
            # What a launcher reports of a process that failed is long, and not why.
            reported = (fault if fault.exists() else desk / "errors.log").read_text("utf-8", "replace")
            reported = reported.strip()[-LAST_WORDS:]
            raise BudgetError(
                f"{name}: {self.processes} processes could not train it together. Train it without "
                f"--processes. They reported: {reported}"
            )


def launch_environment() -> dict[str, str]:
    """Give the environment of processes that are launched from here: all of it but the place in a group."""
    return {key: value for key, value in os.environ.items() if not _is_place(key)}


def _is_place(key: str) -> bool:
    """Whether a variable says which process of which group this is."""
    return key in PLACES or key.startswith(("TORCHELASTIC", "ROLE_", "GROUP_"))


def take_over_launch() -> int:
    """Take the part of the first process where a launcher (`accelerate launch`, `torchrun`) started several.

    The first conducts the run by itself and launches as many for each fine-tuning; settings of the launcher,
    such as its mixed precision, go with them.

    Returns
    -------
    int
        How many were started: 1 without a launcher, and 0 in every process that has nothing to do.

    Raises
    ------
    CallError
        If they are spread over several machines.
    """
    everywhere, here, rank = (int(os.environ.get(key, other)) for key, other in
                              (("WORLD_SIZE", "1"), ("LOCAL_WORLD_SIZE", "1"), ("RANK", "0")))  # fmt: skip
    if everywhere == 1:
        return 1
    if rank != 0:
        return 0
    if "LOCAL_WORLD_SIZE" in os.environ and everywhere != here:
        raise CallError(
            f"The launcher started {everywhere} processes, {here} of them on this machine; metier trains one "
            "model in the processes of one machine. Start them on one, or compare on several with --on ray."
        )
    for key in [key for key in os.environ if _is_place(key)]:
        del os.environ[key]
    return everywhere


def run_job(desk: Path) -> None:
    """Do a job that lies in a folder, together with the other processes; the first leaves what came of it."""
    job = Job.from_json((desk / "job.json").read_text(encoding="utf-8"))
    is_first = int(os.environ.get("RANK", "0")) == 0
    if not is_first:
        job.run(ignore)
        return
    (desk / "export").mkdir()
    try:
        fitted = Here().fit(job, desk / "export", _write_progress)
    except MetierError as error:
        (desk / FAULT_FILE).write_text(str(error), encoding="utf-8")
        raise
    (desk / "result.json").write_text(json.dumps(asdict(fitted), default=_plain), encoding="utf-8")


def run_job_text(text: str) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Do a job that came from elsewhere; gives the exported files by their names, and how it went."""
    job = Job.from_json(text)
    with tempfile.TemporaryDirectory(prefix="metier-job-") as place:
        folder = Path(place)
        if "checkpoint_folder" in job.method.get_params(deep=False):
            job.method.set_params(checkpoint_folder=None)  # It names a folder of another machine.
        fitted = Here().fit(job, folder, ignore)
        files = {
            str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()
        }
    result: dict[str, Any] = json.loads(json.dumps(asdict(fitted), default=_plain))
    return files, result


def _write_progress(progress: Progress) -> None:
    facts: Mapping[str, Any] = {**vars(progress), "facts": dict(progress.facts)}
    sys.stdout.write(json.dumps(facts, default=_plain) + "\n")
    sys.stdout.flush()


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else str(value)


if __name__ == "__main__":
    run_job(Path(sys.argv[1]))
