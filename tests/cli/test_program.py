import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from metier.cli import commands, program
from metier.cli.commands import COMMANDS
from metier.cli.failures import report_failure
from metier.errors import InterruptedRunError, MissingColumnError, TooFewLabelsError


@pytest.fixture
def command(monkeypatch, tmp_path):
    """Put a command of our own making in the table; a crash file would land in `tmp_path`."""
    monkeypatch.chdir(tmp_path)

    def put(body):
        @click.command("probe")
        @click.option("--json", "as_json", is_flag=True)
        @click.option("--label")
        @click.argument("texts", nargs=-1)
        def probe(**options):
            return body()

        monkeypatch.setattr(commands, "probe", probe, raising=False)
        monkeypatch.setitem(COMMANDS, "probe", ("metier.cli.commands:probe", "Try something."))

    return put


def raising(failure):
    def body():
        raise failure

    return body


def test_help_lists_every_command_in_the_order_of_the_journey(capsys):
    assert program.run(["--help"]) == 0
    shown = capsys.readouterr().out
    assert re.findall(r"^  ([\w-]+)  ", shown.partition("Commands:")[2], re.MULTILINE) == list(COMMANDS)
    assert max(map(len, shown.splitlines())) <= 80


def test_version_is_the_installed_one(capsys):
    from importlib.metadata import version

    assert program.run(["--version"]) == 0
    assert capsys.readouterr().out == f"metier {version('metier')}\n"


def test_an_option_before_the_command_is_told_where_it_goes(capsys):
    assert program.run(["--lang", "zh", "check", "rows.csv"]) == 2
    assert "命令之前没有选项 --lang。选项写在命令之后：metier 命令 … --lang" in capsys.readouterr().err


@pytest.mark.parametrize("name", COMMANDS)
def test_the_table_says_what_the_command_says(name):
    command = program.program.get_command(click.Context(program.program), name)
    assert command.get_short_help_str(limit=200) == COMMANDS[name][1]
    assert "Example: metier " + name in command.epilog


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["trian"], "Did you mean 'train'?"),
        (["doctor", "--jsn"], "--json"),
        (["doctor", "more"], "unexpected extra argument"),
        (["--versoin"], "--version"),
    ],
)
def test_a_wrong_call_names_the_nearest_and_exits_2(capsys, args, says):
    assert program.run(args) == 2
    shown = capsys.readouterr()
    assert says in shown.err
    assert "--help" in shown.err
    assert not shown.out


def test_a_wrong_call_is_json_when_json_was_asked_for(capsys):
    assert program.run(["doctor", "--json", "--jsn"]) == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == "bad_call"
    assert "--jsn" in error["message"]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("metier ev", "evaluate"),
        ("metier runs re", "remove"),
        ("metier train --cand", "--candidates"),
        ("metier train --candidates crf,tfidf_l", "crf,tfidf_linear"),
        ("metier train --task nu", ""),
        ("metier train --task ne", "ner"),
    ],
)
def test_a_shell_is_offered_commands_flags_and_names(capsys, monkeypatch, words, offered):
    monkeypatch.setenv("_METIER_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
    program.run([])
    assert [line.partition(",")[2] for line in capsys.readouterr().out.split()] == (
        [offered] if offered else []
    )


def test_the_script_of_a_shell_is_written(capsys, monkeypatch):
    monkeypatch.setenv("_METIER_COMPLETE", "zsh_source")
    assert program.run([]) == 0
    assert "_METIER_COMPLETE=zsh_complete metier" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("failure", "exit_code", "code"),
    [
        (
            MissingColumnError("lable", found=["text", "label"], origin="rows.csv", flag="--label"),
            2,
            "missing_column",
        ),
        (TooFewLabelsError("Only one label."), 1, "too_few_labels"),
        (InterruptedRunError("Stopped. Go on with: metier train --resume runs/a"), 130, "interrupted"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_a_failure_is_one_sentence_and_an_exit_code(command, capsys, tmp_path, failure, exit_code, code):
    command(raising(failure))
    assert program.run(["probe"]) == exit_code
    shown = capsys.readouterr()
    assert shown.err.strip() == (str(failure) or "Stopped.")
    assert not shown.out
    assert program.run(["probe", "--json"]) == exit_code
    shown = capsys.readouterr()
    assert json.loads(shown.out) == {"error": {"code": code, "message": str(failure) or "Stopped."}}
    assert not shown.err
    assert not list(tmp_path.iterdir())


def test_our_own_fault_leaves_a_file_to_send_that_quotes_no_row(command, capsys, tmp_path):
    def body():
        try:
            int("MY-SECRET")
        except ValueError as error:
            raise RuntimeError("failed on MY-SECRET") from error

    command(body)
    assert program.run(["probe", "--label=MY-SECRET", "--json", "my MY-SECRET text"]) == 3
    error = json.loads(capsys.readouterr().out)["error"]
    (written,) = tmp_path.iterdir()
    assert error["code"] == "our_fault"
    assert str(written) in error["message"]
    text = written.read_text(encoding="utf-8")
    assert "command: metier probe --label --json\n" in text
    assert "builtins.RuntimeError at" in text
    assert "builtins.ValueError at" in text
    assert "in body" in text
    assert re.search(r"^numpy \d", text, re.MULTILINE)
    # The code that failed is quoted, and here it holds the word itself; nothing else may.
    assert not [
        line for line in text.splitlines() if "SECRET" in line and "int(" not in line and "raise" not in line
    ]


@pytest.mark.parametrize("given", [0, 1, "bye", None])
def test_a_library_that_ends_the_program_does_not_end_it_silently(command, capsys, tmp_path, given):
    command(raising(SystemExit(given)))
    assert program.run(["probe"]) == 3
    assert f"the program was ended from within (SystemExit: {given})" in capsys.readouterr().err
    assert list(tmp_path.glob("metier-crash-*.txt"))


def test_a_reader_that_closes_the_pipe_under_a_table_is_no_crash(tmp_path):
    script = "import sys; from metier.cli import program; sys.argv = ['metier', 'methods']; program.main()"
    source, sink = os.pipe()
    os.close(source)  # As of `metier methods | head` once head has gone.
    done = subprocess.run([sys.executable, "-c", script], stdout=sink, stderr=subprocess.PIPE, cwd=tmp_path)
    os.close(sink)
    assert (done.returncode, done.stderr) == (141, b"")
    assert not list(tmp_path.iterdir())


AS_A_PROGRAM = "import sys; from metier.cli import program; sys.argv = ['metier', 'methods']; program.main()"


@pytest.mark.parametrize("closed", ["<&-", ">&-", "<&- >&-", "2>&-"])
def test_a_process_without_its_streams_runs(tmp_path, closed):
    done = subprocess.run(["bash", "-c", f'"$0" -c "$1" {closed}', sys.executable, AS_A_PROGRAM], cwd=tmp_path)
    assert done.returncode == 0
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="needs /dev/full")
def test_a_full_disk_behind_stdout_is_told(tmp_path):
    with Path("/dev/full").open("w") as full:
        call = [sys.executable, "-c", AS_A_PROGRAM]
        done = subprocess.run(call, stdout=full, stderr=subprocess.PIPE, cwd=tmp_path, text=True)
    assert (
        done.stderr
        == "The disk is full: what stdout goes to could not be written. Free some space, then try again.\n"
    )
    assert done.returncode == 1
    assert not list(tmp_path.iterdir())


def test_the_crash_file_goes_elsewhere_when_the_folder_refuses(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    refused = Path.cwd
    monkeypatch.setattr(Path, "cwd", lambda: refused() / "not there")
    assert report_failure(RuntimeError("x"), []) == 3
    (written,) = tmp_path.iterdir()
    assert str(written) in capsys.readouterr().err


def test_a_command_may_choose_its_exit_code(command):
    command(lambda: 1)
    assert program.run(["probe"]) == 1
    command(lambda: click.get_current_context().exit(1))
    assert program.run(["probe"]) == 1
    command(lambda: None)
    assert program.run(["probe"]) == 0


def test_a_reader_that_goes_away_is_not_our_trouble():
    shown = subprocess.run(
        ["bash", "-c", f'{sys.executable} -c "{PRINTS_MUCH}" | head -1; echo ${{PIPESTATUS[0]}}'],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert shown.stderr == ""
    assert shown.stdout.splitlines() == ["a line", "141"]


PRINTS_MUCH = """
import sys, click
from metier.cli import commands, program
@click.command()
def much():
    for _ in range(100_000): print('a line')
commands.much = much
commands.COMMANDS['much'] = ('metier.cli.commands:much', '')
sys.exit(program.run(['much']))
""".strip()


@pytest.mark.parametrize(("sent", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_real_process_that_is_stopped_leaves_nothing_half_written(tmp_path, sent, code):
    writes = (
        "import pathlib; from metier.data.output_files import held_output; from metier.storage import partial_file; "
        "import time; path = pathlib.Path('out.csv')\n"
        "    with held_output(path), partial_file(path): print(1, flush=True); time.sleep(60)"
    )
    program = PRINTS_MUCH.replace("for _ in range(100_000): print('a line')", writes)
    program = program.replace(
        "sys.exit(program.run(['much']))", "sys.argv = ['metier', 'much']\nprogram.main()"
    )
    # A shell lets what it starts in the background ignore Ctrl-C, and so would the process.
    program = f"import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n{program}"
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    assert process.stdout.readline() == "1\n"
    process.send_signal(getattr(signal, sent))
    _, complaint = process.communicate(timeout=60)
    assert (process.returncode, complaint) == (code, "Stopped.\n")
    assert not list(tmp_path.iterdir())


def test_kill_stops_a_process_that_ignores_ctrl_c_and_no_worker_of_it_lives_on(tmp_path):
    body = (
        "import os, time; ready, begun = os.pipe(); child = os.fork()\n"
        "    if child == 0: os.write(begun, b'1'); time.sleep(60); os._exit(7)\n"
        "    os.read(ready, 1); os.kill(child, 15)\n"
        "    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True); time.sleep(60)"
    )
    program = PRINTS_MUCH.replace("for _ in range(100_000): print('a line')", body)
    program = program.replace(
        "sys.exit(program.run(['much']))", "sys.argv = ['metier', 'much']\nprogram.main()"
    )
    program = f"import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n{program}"
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "-15\n"
    process.send_signal(signal.SIGTERM)
    _, complaint = process.communicate(timeout=60)
    assert (process.returncode, complaint) == (143, "Stopped.\n")


HEAVY = (
    "torch",
    "transformers",
    "sklearn",
    "scipy",
    "pyarrow",
    "onnxruntime",
    "numpy",
    "fastapi",
    "pandas",
    "rich",
)


@pytest.mark.serial
@pytest.mark.parametrize(
    ("code", "allowed"),
    [
        ("import metier; metier.__version__", ()),
        ("import sys; sys.argv[1:] = ['--help']; from metier.cli import main; main()", ()),
    ],
)
def test_starting_is_light(code, allowed):
    begun = time.monotonic()
    shown = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    seconds = time.monotonic() - begun
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in shown.stderr.splitlines()}
    assert "metier" in imported
    assert not imported.intersection(HEAVY) - set(allowed)
    total_us = sum(int(found) for found in re.findall(r"^import time:\s+(\d+) \|", shown.stderr, re.MULTILINE))
    assert total_us < 1_000_000, f"imports took {total_us / 1e6:.2f} s of {seconds:.2f} s"


def test_libraries_are_quiet_for_the_program_only():
    names = "'TRANSFORMERS_VERBOSITY', 'TOKENIZERS_PARALLELISM'"
    look = f"import os; {{}}; print(*(os.environ.get(name) for name in ({names})))"
    clean = {name: value for name, value in os.environ.items() if name not in program.QUIET}

    def seen(statement, **more):
        process = subprocess.run(
            [sys.executable, "-c", look.format(statement)],
            env={**clean, **more},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return process.stdout.split()

    quiet = "from metier.cli.program import quiet_libraries; quiet_libraries()"
    assert seen("import metier, metier.cli") == ["None", "None"]
    assert seen(quiet) == ["error", "false"]
    assert seen(quiet, TRANSFORMERS_VERBOSITY="info") == ["info", "false"]


def test_a_crash_is_reported_from_a_folder_that_is_gone(tmp_path, monkeypatch, capsys):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert report_failure(RuntimeError("no luck"), ["doctor"]) == 3
    said = capsys.readouterr().err
    path = Path(re.search(r"Please send (\S+) to", said)[1])
    assert "RuntimeError" in path.read_text("utf-8")
    path.unlink()


def test_doctor_answers_from_a_folder_that_is_gone(tmp_path, monkeypatch, capsys):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    monkeypatch.setenv("METIER_CACHE", "a/relative/cache")
    assert program.run(["doctor", "--json"]) in (0, 1)
    assert "our_fault" not in capsys.readouterr().out
