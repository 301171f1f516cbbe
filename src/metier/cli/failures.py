"""From a failure to a message, an exit code and, for an internal error, a crash file to send.

The file names places in code and versions. It holds neither the message of the error nor the arguments of the
call, for both can quote a user's rows.
"""

import errno
import os
import platform
import sys
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import click

from metier.cli.printing import print_json, print_line
from metier.cli.speech import asked, spoken
from metier.errors import MetierError

OUR_FAULT, STOPPED, READER_GONE = 3, 130, 141
PACKAGES = (
    *("metier", "numpy", "scipy", "scikit-learn", "pyarrow", "onnxruntime", "tokenizers", "safetensors"),
    *("click", "rich", "fastapi", "uvicorn", "torch", "transformers", "accelerate", "peft"),
)


def report_failure(failure: BaseException, args: Sequence[str]) -> int:
    """Tell the user about a failure and give the exit code.

    Parameters
    ----------
    failure : BaseException
        Whatever escaped from a command.
    args : sequence of str
        The command line, for `--json`, which is looked up here because a call can fail before it is parsed.
    """
    if _is_reader_gone(failure):
        # The reader has closed the pipe (`metier predict … | head`). Python would complain when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return READER_GONE
    code, sentence, exit_code = _describe(failure, args)
    if "--json" in args:
        print_json({"error": {"code": code, "message": sentence}})
    else:
        print_line(spoken(asked(args)).translated(sentence), file=sys.stderr)
    return exit_code


def _is_reader_gone(failure: BaseException) -> bool:
    # rich answers a broken pipe with SystemExit.
    found = failure.__context__ if isinstance(failure, SystemExit) else failure
    return isinstance(found, BrokenPipeError)


def _describe(failure: BaseException, args: Sequence[str]) -> tuple[str, str, int]:
    if isinstance(failure, MetierError):
        return failure.code, str(failure), failure.exit_code
    if isinstance(failure, click.ClickException):
        return "bad_call", _usage_sentence(failure), 2
    if isinstance(failure, KeyboardInterrupt | click.Abort):
        return "interrupted", "Stopped.", STOPPED
    if isinstance(failure, OSError) and failure.errno == errno.ENOSPC:
        where = failure.filename or "what stdout goes to"
        return "storage", f"The disk is full: {where} could not be written. Free some space, then try again.", 1
    if isinstance(failure, OSError) and failure.errno == errno.ENAMETOOLONG:
        return "bad_call", f"A name is longer than files can have here: {failure.filename}. Shorten it.", 2
    path = write_crash_file(failure, args)
    found = f"{type(failure).__name__}: {failure}"
    if isinstance(
        failure, SystemExit
    ):  # Of a library or a plug-in: our own commands give their exit code back.
        found = f"the program was ended from within ({found})"
    where = (
        f"Please send {path} to the project: it holds the traceback and package versions, none of your rows."
    )
    return "our_fault", f"Internal error, a bug in metier: {found}\n{where}", OUR_FAULT


def _usage_sentence(failure: click.ClickException) -> str:
    context = failure.ctx if isinstance(failure, click.UsageError) else None
    message = failure.format_message()
    if message.endswith("is not readable."):  # What click says of files lacks the cure.
        message += " Change its permissions (chmod +r)."
    return message if context is None else f"{message}\nSee: {context.command_path} --help"


def write_crash_file(failure: BaseException, args: Sequence[str]) -> Path:
    """Write what a maintainer needs into the working folder, or a temporary one where that is refused."""
    text = "\n".join(_crash_lines(failure, args)) + "\n"
    name = f"metier-crash-{datetime.now():%Y%m%d-%H%M%S}-{os.getpid()}.txt"
    for folder in (Path.cwd, tempfile.gettempdir):
        try:
            path = Path(folder()) / name  # The working folder may be gone.
            path.write_text(text, encoding="utf-8")
        except OSError:
            continue
        return path
    return Path(os.devnull)


def _crash_lines(failure: BaseException, args: Sequence[str]) -> Iterator[str]:
    yield "Messages and values are left out, because they can quote rows. Add the message if it holds nothing confidential."
    options = [
        word.partition("=")[0] for word in args if word.startswith("-") and " " not in word.partition("=")[0]
    ]
    command = args[0] if args and args[0].isalpha() else ""
    yield f"command: metier {' '.join([command, *options])}"
    yield f"python {platform.python_version()}, {platform.platform()}"
    for package in PACKAGES:
        try:
            yield f"{package} {version(package)}"
        except PackageNotFoundError:
            yield f"{package} is not installed"
    link: BaseException | None = failure
    while link is not None:
        yield f"\n{type(link).__module__}.{type(link).__qualname__} at"
        yield "".join(traceback.format_tb(link.__traceback__)).rstrip()
        link = link.__cause__ or link.__context__
