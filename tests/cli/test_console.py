import io
import json
import re

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

from metier import progress_lines
from metier.cli.console import (
    ProgressLines,
    answer_console,
    count,
    duration,
    milliseconds,
    percentage,
    print_json,
    progress_console,
    size,
)
from metier.progress import Progress


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (percentage(0.9387), "93.9 %"),
        (percentage(0.9387, 0.9301, 0.9469), "93.9 % [93.0, 94.7]"),
        (percentage(1.0, digits=0), "100 %"),
        (milliseconds(0.31), "0.31 ms"),
        (milliseconds(0.0437), "0.044 ms"),
        (milliseconds(9.97), "10 ms"),
        (milliseconds(1234.5), "1.2 s"),
        (size(812), "812 B"),
        (size(1_530), "1.5 KB"),
        (size(23_400_000), "23 MB"),
        (size(999_990), "1.0 MB"),
        (size(4.21e9), "4.2 GB"),
        (size(5e13), "50,000 GB"),
        (count(1200), "1,200"),
        (duration(0.001), "< 0.1 s"),
        (duration(0.31), "0.3 s"),
        (duration(12.4), "12 s"),
        (duration(59.6), "1 min"),
        (duration(90), "1 min 30 s"),
        (duration(3570), "1 h 00 min"),
        (duration(7500), "2 h 05 min"),
    ],
)
def test_numbers_carry_units_and_no_more_digits_than_they_deserve(written, expected):
    assert written == expected


def test_answers_go_to_stdout_and_progress_to_stderr(capsys):
    answer_console().print("the answer")
    progress_console().print("how far")
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("the answer\n", "how far\n")


def test_json_is_one_readable_line(capsys):
    print_json({"label": "换卡", "lines": "a\nb"})
    shown = capsys.readouterr().out
    assert shown.count("\n") == 1
    assert "换卡" in shown
    assert json.loads(shown) == {"label": "换卡", "lines": "a\nb"}


def test_no_color_is_honoured_and_a_pipe_gets_whole_lines(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.setenv("NO_COLOR", "1")
    file = io.StringIO()
    shown = answer_console()
    table = Table("name", "text")
    table.add_row("x" * 50, "y" * 200)
    shown.print(table)
    assert "y" * 200 in capsys.readouterr().out
    coloured = Console(file=file, force_terminal=True, no_color=shown.no_color)
    coloured.print("[red]a[/red]")
    assert "\x1b[31m" not in file.getvalue()


class Clock:
    """Time that moves when a test says so."""

    def __init__(self, monkeypatch):
        self.now = 1000.0
        monkeypatch.setattr(progress_lines.time, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def plain_lines(steps, clock):
    """Draw (seconds to pass, progress) off a terminal; give the lines."""
    file = io.StringIO()
    with ProgressLines(Console(file=file, width=80)) as listener:
        for seconds, progress in steps:
            clock.now += seconds
            listener(progress)
    return file.getvalue().splitlines()


def test_off_a_terminal_a_long_step_has_a_line_every_ten_seconds_and_one_at_its_end(clock):
    steps = [(1, Progress("embedding", done, 100)) for done in range(1, 101)]
    lines = plain_lines(steps, clock)
    assert lines[0] == "embedding  1/100 rows"
    assert lines[1] == "embedding  11/100 rows · 1 min 29 s left"
    assert lines[-1] == "embedding  100 rows · in 1 min 39 s"
    assert len(lines) == 11


def test_off_a_terminal_short_steps_have_one_line_each(clock):
    steps = [(0.1, Progress(f"step {step}", done, 3)) for step in range(5) for done in range(1, 4)]
    assert [line.partition("  ")[0] for line in plain_lines(steps, clock)] == [
        "step 0",
        "step 0",
        "step 1",
        "step 2",
        "step 3",
        "step 4",
    ]


def test_off_a_terminal_a_step_that_only_has_a_name_has_one_line(clock):
    steps = [(3, Progress(what, 0, None, unit="")) for what in ("reading", "planning", "training")]
    assert plain_lines(steps, clock) == ["reading", "planning", "training"]


def test_a_step_that_stopped_early_ends_when_others_have_moved_for_a_while(clock):
    early = Progress("encoder.v1", 40, 100, "steps", {"loss": 0.25})
    steps = [(0, early), *((1, Progress("static.v1", done, 100)) for done in range(8))]
    lines = plain_lines(steps, clock)
    assert lines.count("encoder.v1  40/100 steps · loss 0.25") == 1
    assert lines[-1].startswith("static.v1  7/100 rows")


def test_a_second_round_of_a_step_starts_its_clock_again(clock):
    round_of_ten = [(2, Progress("epoch", done, 10)) for done in range(11)]
    lines = plain_lines([*round_of_ten, *round_of_ten], clock)
    assert [line for line in lines if " in " in line] == ["epoch  10 rows · in 20 s"] * 2


def test_facts_carry_their_units(clock):
    facts = {
        "loss": 0.12345,
        "validation_accuracy": 0.9312,
        "rows_per_second": 1234.5,
        "latency_ms": 0.31,
        "epoch": 2,
        "minutes_left": 0.113,
    }
    (line,) = plain_lines([(0, Progress("x", 1, 1, "steps", facts))], clock)[-1:]
    assert line.endswith("loss 0.123 · validation accuracy 93.1 % · 1,234 rows/s · latency 0.31 ms · epoch 2")


def test_what_a_choice_goes_by_is_left_out_beside_figures_with_a_name(clock):
    score = {"validation_score": -0.23, "validation_score_error": 0.17}
    (line,) = plain_lines([(0, Progress("x", 1, 1, "steps", {"validation_log_loss": 0.23, **score}))], clock)[
        -1:
    ]
    assert line.endswith("step · validation log loss 0.23")
    (line,) = plain_lines([(0, Progress("x", 1, 1, "steps", {"loss": 1.0, **score}))], clock)[-1:]
    assert line.endswith("loss 1 · validation score -0.23 · validation score error 0.17")


def test_there_is_one_estimate_of_the_time_left(clock):
    def moment(done):
        # By its speed 80 s are left; its own clock ends it after 30.
        return Progress("encoder.v1: fine-tuning", done, 100, facts={"loss": 0.5, "minutes_left": 0.5})

    lines = plain_lines([(0, moment(0)), (20, moment(20))], clock)
    assert lines[1] == "encoder.v1: fine-tuning  20/100 rows · 30 s left · loss 0.5"


def test_a_step_that_is_done_has_one_last_line_with_all_that_is_known(clock):
    def moment(done, **facts):
        return Progress("encoder.v1: fine-tuning", done, 100, facts={"loss": 0.5, **facts})

    over = [(3, moment(100)), (4, moment(100, validation_accuracy=0.9))]
    other = Progress("cascade.v1", 1, 9)
    lines = plain_lines([(0, moment(0)), *over, (1, other), (1, other)], clock)
    ended = [line for line in lines if line.startswith("encoder.v1: fine-tuning  100 rows")]
    assert ended == ["encoder.v1: fine-tuning  100 rows · in 7.0 s · loss 0.5 · validation accuracy 90.0 %"]


def on_terminal(steps, width=80):
    """Draw steps on a terminal; give what was drawn, line by line, and what is left of it at the end."""
    file = io.StringIO()
    console = Console(file=file, width=width, force_terminal=True, color_system=None)
    with ProgressLines(console) as listener:
        for step in steps:
            listener(step)
            listener._display._live.refresh()
    text = file.getvalue()
    return [
        line.strip("\r") for line in re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "\n", text).split("\n") if line.strip()
    ]


def test_on_a_terminal_a_step_has_one_live_line_that_fits_80_columns():
    what = "frozen_linear.v1: embedding 换卡 texts with a base"
    shown = on_terminal([Progress(what, done, 9, "rows", {"loss": 1.0}) for done in range(1, 4)])
    drawn = [line for line in shown if "━" in line]
    assert any("3/9 rows · loss 1" in line for line in drawn)
    assert all(cell_len(line) <= 80 for line in drawn)
    assert all(what in line for line in drawn)


def test_on_a_terminal_what_has_ended_leaves_and_a_sentence_stays():
    planning = Progress("planning", 0, None, unit="")
    embedding = [Progress("embedding", done, 2) for done in range(3)]
    shown = on_terminal([planning, *embedding, Progress("plan   3 candidates", 1, 1, unit=""), embedding[0]])
    last = shown.index("plan   3 candidates")
    assert not any(line.startswith("planning") for line in shown[last:])
    assert not [line for line in shown if line.startswith("embedding  2 rows")]  # No plain line is left of it.


def test_names_in_brackets_are_not_taken_for_colours(clock):
    assert plain_lines([(0, Progress("[red]rows.csv", 1, 1))], clock) == ["[red]rows.csv  1 row"]
