"""The program: one way in, and one place where every failure becomes a sentence and an exit code.

0 done; 1 the rows have errors; 2 the call was wrong; 3 an internal error, with a crash file to send; 130 stopped
by the user, 143 by `kill`, 129 as its terminal was closed; 141 the reader of our output closed it.
"""

import io
import os
import signal
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from click.shell_completion import shell_complete

from metier.cli.commands import HELP, CommandTable
from metier.cli.failures import STOPPED, report_failure
from metier.cli.speech import note_unknown_language
from metier.selection.budget import count_from_process_start

# What a library would otherwise print between our lines. A user's own setting wins.
QUIET = {
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_VERBOSITY": "error",
    "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}


@click.group(cls=CommandTable, context_settings={**HELP, "max_content_width": 100})
@click.version_option(package_name="metier", message="metier %(version)s")
def program() -> None:
    """Train, compare, export and serve text models from labelled rows.

    \b
    metier check rows.csv            check the rows
    metier train rows.csv            compare methods, and which one to ship
    metier predict runs/… "a text"   predict with the recommended model
    metier serve runs/…              serve it over HTTP
    """


# Threads that spin while they wait cost a shared machine threefold when another program takes a core.
PATIENT = {"OMP_WAIT_POLICY": "passive"}


def main() -> None:
    """Run the command line of this process, then exit."""
    _open_streams()
    quiet_libraries()
    count_from_process_start()
    stopped_by = _stop_as_by_ctrl_c()
    code = run(sys.argv[1:])
    sys.exit(128 + stopped_by[0] if code == STOPPED and stopped_by else code)


def _stop_as_by_ctrl_c() -> list[int]:
    """Let `kill` and a terminal that is closed stop the program as Ctrl-C does, so that nothing half-written is left.

    Returns
    -------
    list of int
        Gets the number of the signal that came; `serve` has handlers of its own.
    """
    came: list[int] = []

    def stop(number: int, frame: Any) -> None:
        came.append(number)
        pressed = signal.getsignal(signal.SIGINT)  # What trains lets a step end first.
        if not callable(pressed):  # A shell lets what it starts in the background ignore Ctrl-C.
            raise KeyboardInterrupt
        pressed(number, frame)

    numbers = [one for one in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(one) is signal.SIG_DFL]
    for number in numbers:
        signal.signal(number, stop)

    def forget() -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)

    os.register_at_fork(after_in_child=forget)  # Who ends a worker wants no more of it.
    return came


def _open_streams() -> None:
    """Give the process the streams that it was started without (`metier … <&- >&-`): empty ones."""
    # They stay open as long as the process.
    sys.stdin = sys.stdin or Path(os.devnull).open(encoding="utf-8")  # noqa: SIM115
    sys.stdout = sys.stdout or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    sys.stderr = sys.stderr or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115


def quiet_libraries() -> None:
    """Keep libraries from printing between our lines; to be called before they are imported."""
    for name, value in (QUIET | PATIENT).items():
        os.environ.setdefault(name, value)
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a sign of ours gets a question mark, not a traceback.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def run(args: Sequence[str]) -> int:
    """Run one command line.

    Parameters
    ----------
    args : sequence of str
        What stands after `metier`.

    Returns
    -------
    int
        The exit code.
    """
    completing = os.environ.get("_METIER_COMPLETE")
    if completing:
        return shell_complete(program, {}, "metier", "_METIER_COMPLETE", completing)
    note_unknown_language(args)
    try:
        code = _invoke(list(args))
        sys.stdout.flush()
    except BaseException as failure:
        return report_failure(failure, args)
    return code


def _invoke(args: list[str]) -> int:
    # click's own `main` would print and exit by itself; our failures have one place.
    try:
        with program.make_context("metier", args) as context:
            result: Any = program.invoke(context)
    except click.exceptions.Exit as ended:
        return int(ended.exit_code)
    return result if isinstance(result, int) else 0
