"""The memory that a service of a bundle takes: it is started once, and looked at when it has answered."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil

from metier.errors import BundleError

START_SECONDS = 120  # A search over many vectors is read from a slow disk.


def measured_memory(bundle: Path) -> int:
    """Start the service of a bundle, and give its resident memory in bytes once it is ready.

    A service is ready when it has answered a question of its task, so this includes what the first answer loads.

    Raises
    ------
    BundleError
        If it does not become ready.
    """
    command = [sys.executable, "-m", "metier", "serve", str(bundle), "--port", "0", "--json", "--lang", "en"]
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors,
        subprocess.Popen(  # noqa: S603  # Our own program, on a folder that is no shell's.
            command, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process,
    ):
        try:
            return _memory_when_ready(process, bundle)
        except _NotReadyError:
            process.kill()
            process.wait()
            errors.seek(0)
            raise BundleError(_why_not(bundle, errors.read())) from None
        finally:
            process.terminate()


class _NotReadyError(Exception):
    """The service ended, or said something else."""


def _memory_when_ready(process: "subprocess.Popen[str]", bundle: Path) -> int:
    assert process.stdout is not None
    line = process.stdout.readline()  # Nothing once the service has ended.
    try:
        json.loads(line)["url"]
    except (ValueError, KeyError, TypeError):
        raise _NotReadyError from None
    return int(psutil.Process(process.pid).memory_info().rss)


def _why_not(bundle: Path, said: str) -> str:
    last = (said.strip().splitlines() or ["it said nothing"])[-1]
    return (
        f"The service of {bundle} did not become ready, so nothing is packed: {last} "
        f"Try it by hand: metier serve {bundle}"
    )
