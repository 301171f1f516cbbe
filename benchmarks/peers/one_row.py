"""Milliseconds of one row by itself: the processes of all sides stay loaded and are asked in turn, A/B/A/B.

What else runs on the machine then slows every side alike; milliseconds of the processor count the work alone.
"""

import json
import os
import statistics
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

WARM_UP, TURNS, ROWS_A_TURN = 5, 4, 15  # 60 rows of each way.


def measure(
    commands: Mapping[str, Sequence[str]], environment: Mapping[str, str], folder: Path
) -> dict[str, Any]:
    """Ask the sides in turn; gives of each side its ways with medians and ranges of milliseconds, and peak memory.

    Parameters
    ----------
    commands : dict of str to sequence of str
        The command of each side's process, which `whole_runs.answer_rows` answers.
    folder : Path
        Where the processes start.
    """
    found: dict[str, Any] = {}
    with ExitStack() as stack:
        sides = {}
        for name, command in commands.items():
            errors = stack.enter_context(tempfile.TemporaryFile("w+"))
            process = stack.enter_context(started(command, environment, folder, errors))
            if line := process.stdout.readline():
                sides[name] = (process, json.loads(line))
            else:
                errors.seek(0)
                found[name] = {"failed": last_line(errors.read())}
        for name, times in asked(sides).items():
            found[name] = {"ways": {way: summary(some) for way, some in times.items() if some}}
        for name, (process, _) in sides.items():
            process.stdin.close()
            found[name] |= json.loads(process.stdout.readline() or '{"failed": "ended early"}')
    return found


@contextmanager
def started(
    command: Sequence[str], environment: Mapping[str, str], folder: Path, errors: IO[str]
) -> Iterator[Any]:
    """Start a process, and end it."""
    with subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,  # A file: a pipe that nobody reads fills up, and the process stands.
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def asked(sides: Mapping[str, tuple[Any, list[str]]]) -> dict[str, dict[str, list[list[float]]]]:
    """Let every way of every side answer some rows, turn by turn; gives the times after the warm-up."""
    times: dict[str, dict[str, list[list[float]]]] = {
        name: {way: [] for way in ways} for name, (_, ways) in sides.items()
    }
    for turn in range(TURNS + 1):
        count, start = (ROWS_A_TURN, (turn - 1) * ROWS_A_TURN) if turn else (WARM_UP, 0)
        for name, (process, ways) in sides.items():
            for way in ways:
                print(json.dumps([way, start, count]), file=process.stdin, flush=True)
                took = json.loads(process.stdout.readline() or "[]")
                times[name][way] += took if turn else []
    return times


def summary(times: Sequence[Sequence[float]]) -> dict[str, float]:
    """The median and the slowest tenth of the clock and of the processor, in milliseconds."""
    found = {"rows": float(len(times))}
    for name, numbers in zip(("clock", "processor"), zip(*times, strict=True), strict=True):
        found[f"{name}_ms"] = round(statistics.median(numbers), 3)
        found[f"{name}_ms_p90"] = round(statistics.quantiles(numbers, n=10)[-1], 3)
    return found


def last_line(text: str) -> str:
    """The last line of what a program wrote."""
    return (text.strip().splitlines() or ["without a word"])[-1]
