import json
import os
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.cells import cell_len

from metier.cli.check import check
from metier.data import read
from metier.errors import (
    CallError,
    MissingColumnError,
    MissingLabelError,
    UnknownNameError,
    UnreadableFileError,
)
from metier.selection.decisions import decide
from metier.selection.settings import check_settings

BANKING = Path(__file__).parents[2] / "examples" / "banking77"
TITLES = Path(__file__).parents[2] / "examples" / "csl_category_zh"
ENDS = ("please", "thanks", "tell me", "today", "right now", "as I said", "if you can", "it matters")


def run(*args, code=0):
    result = CliRunner().invoke(check, [str(arg) for arg in args])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def tickets(tmp_path):
    """A small file whose test rows leak, with its faults beside."""
    lines = [
        f"my card number {n} is {w},{'ab'[n % 2]}"
        for n, w in enumerate(["lost", "stolen", "broken", "late", "new", "old"] * 8)
    ]
    train = tmp_path / "tickets.csv"
    train.write_text("message,intent\n" + "\n".join(lines) + "\nno label on this one,\n")
    test = tmp_path / "test.csv"
    test.write_text("message,intent\nMy card number 3 is late!,b\nhow do I pay,a\n")
    return train, test


def test_the_conclusion_comes_first_then_errors_then_the_next_command():
    result = run(BANKING / "train.csv", "--test", BANKING / "test.csv", code=1)
    lines = result.stdout.splitlines()
    assert lines[0] == f"{BANKING}/train.csv: 10,003 rows, text = text, label = label (77 labels), English"
    assert lines[1].startswith("✗ 26 rows of ")
    assert lines[1].endswith("test scores would be too high (--drop-leaks)")
    shown = f"metier check {BANKING}/train.csv --test {BANKING}/test.csv --show label-errors"
    assert f"! 30 rows look mislabelled ({shown})" in lines
    assert lines[-1] == f"next: metier train {BANKING}/train.csv --test {BANKING}/test.csv --drop-leaks"
    marks = [line[0] for line in lines[1:-1]]
    assert marks == sorted(marks, key="✗!·".index)
    assert len(lines) <= 24  # One screen.


def test_without_errors_the_exit_code_is_nought():
    result = run(TITLES / "test.csv")
    assert "Chinese" in result.stdout.splitlines()[0]
    assert not any(line.startswith("✗") for line in result.stdout.splitlines())


def test_guesses_are_said_on_stderr_with_their_flags(tickets):
    train, _ = tickets
    result = run(train, code=1)
    assert "noted: text = message, inferred (--text)" in result.stderr
    assert "label = intent, inferred (--label)" in result.stderr
    assert "noted" not in result.stdout


def test_the_next_command_carries_the_flags_given_and_those_that_mend(tickets):
    train, test = tickets
    result = run(train, "--test", test, "--text", "message", code=1)
    assert result.stdout.splitlines()[-1] == (
        f"next: metier train {train} --test {test} --text message --drop-unlabelled --drop-leaks"
    )


def test_a_wrong_label_column_is_asked_for_once(tmp_path):
    path = tmp_path / "tickets.csv"
    path.write_text(
        "ticket,message,intent\n" + "".join(f"T-{n},card number {n} is lost,{'ab'[n % 2]}\n" for n in range(40))
    )
    shown = run(path, "--label", "ticket", code=1).stdout
    assert "columns that could be labels: intent (2 values)" in shown
    assert shown.splitlines()[-1] == f"next: metier check {path} --label COLUMN"


def test_an_order_is_checked_and_goes_on_to_the_next_command(tmp_path):
    path = tmp_path / "grades.csv"
    lines = [f"it was {w} number {n},{w}\n" for n, w in enumerate(["bad", "fair", "good"] * 20)]
    path.write_text("text,label\n" + "".join(lines))
    fine = run(path, "--order", "bad,fair,good").stdout.splitlines()
    assert "60 rows of ordinal classification" in fine[0]
    assert fine[-1] == f"next: metier train {path} --order bad,fair,good"
    short = run(path, "--order", "bad,good", code=1).stdout
    assert "The stated order bad < good leaves out 'fair'" in short


def test_a_fault_of_all_rows_has_none_to_show(tmp_path):
    path = tmp_path / "same.jsonl"
    question = {"context": "Ada came to Oslo.", "answers": [{"text": "Oslo", "answer_start": 12}]}
    path.write_text("\n".join(json.dumps(question | {"question": f"who came {n}?"}) for n in range(8)))
    shown = run(path, code=1).stdout.splitlines()
    assert "8 rows of extractive question answering" in shown[0]
    assert shown[-1] == f"next: metier check {path}  # once it is fixed"


def test_names_for_zeros_and_ones_go_on_to_the_next_command(tmp_path):
    path = tmp_path / "hot.jsonl"
    rows = [{"text": f"a message {n}", "labels": [n % 2, (n + 1) % 2]} for n in range(90)]
    path.write_text("\n".join(map(json.dumps, rows)))
    shown = run(path, "--label-names", "rude, kind")
    assert "read as the labels rude, kind (--label-names)" in shown.stderr
    assert shown.stdout.splitlines()[-1] == f"next: metier train {path} --label-names rude,kind"


def test_names_of_labels_that_are_not_by_position_are_refused(tickets):
    with pytest.raises(CallError, match=r"--label-names names the labels of lists.*has no such lists"):
        run(tickets[0], "--label-names", "rude,kind")


def test_a_pipe_is_refused_without_waiting_for_who_writes_it(tmp_path):
    os.mkfifo(tmp_path / "rows.csv")
    with pytest.raises(UnreadableFileError, match=r"rows\.csv is a named pipe.*Write them to a file"):
        run(tmp_path / "rows.csv")


def test_json_is_one_object_with_the_same_facts(tickets):
    train, test = tickets
    facts = json.loads(run(train, "--test", test, "--json", code=1).stdout)
    assert facts["has_errors"] is True
    assert facts["roles"] == {"text": "message", "label": "intent"}
    assert facts["facts"]["rows"] == {"train": 49, "test": 2}
    leak = next(finding for finding in facts["findings"] if finding["check"] == "test-leakage")
    assert (leak["n_rows"], leak["row_numbers"], leak["origin"]) == (1, [1], str(test))
    assert leak["examples"][0]["text"] == "My card number 3 is late!"


def test_show_lists_the_rows_of_one_finding():
    shown = run(BANKING / "train.csv", "--show", "label-errors", "--most", "3").stdout
    truth = read(BANKING / "train.csv")
    rows = [int(line.split()[0]) - 1 for line in shown.splitlines()[1:] if line.split()[0].isdecimal()]
    assert len(rows) == 3
    assert all(truth.labels[row] in shown for row in rows)
    assert "30 rows look mislabelled" in shown
    assert "likelier" in shown
    assert "27 more (--most 30" in shown


def test_show_lines_chinese_up():
    lines = run(TITLES / "train.csv", "--show", "label-errors", "--most", "4").stdout.splitlines()
    header = next(line for line in lines if "likelier" in line)
    start = cell_len(header[: header.index("text")])
    for line in lines[lines.index(header) + 1 : -1]:
        before = next(cut for cut in range(len(line)) if cell_len(line[:cut]) == start)
        assert line[before - 1] == " "
        assert line[before] != " "


def test_show_of_what_was_not_found_and_of_what_does_not_exist(tickets):
    train, _ = tickets
    assert "language-mix: nothing was found" in run(train, "--show", "language-mix", code=1).stdout
    with pytest.raises(UnknownNameError, match="Did you mean 'label-errors'"):
        run(train, "--show", "label-eror")


def test_show_as_json(tickets):
    train, _ = tickets
    (finding,) = json.loads(run(train, "--show", "missing-labels", "--json", code=1).stdout)
    assert finding["row_numbers"] == [49]


def test_a_text_that_looks_like_markup_is_shown_as_it_is(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("text,label\n[bold]one[/bold] [x],a\n[bold]one[/bold] [x],b\nother words,a\n")
    assert "[bold]one[/bold] [x]" in run(path, "--show", "conflicting-labels").stdout


def test_an_error_of_the_call_goes_to_the_program(tickets):
    train, _ = tickets
    with pytest.raises(MissingColumnError, match="Did you mean 'message'"):
        run(train, "--text", "mesage")


def test_on_a_terminal_lines_wrap_under_their_text(tickets, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "60")
    train, test = tickets
    coloured = run(train, "--test", test, code=1).stdout
    assert "\x1b[" in coloured
    monkeypatch.setenv("NO_COLOR", "1")
    plain = run(train, "--test", test, code=1).stdout
    assert "\x1b[3" not in plain
    lines = re.sub(r"\x1b\[[0-9;]*m", "", plain).splitlines()
    findings = lines[next(number for number, line in enumerate(lines) if line.startswith("✗")) : -1]
    assert all(cell_len(line) <= 60 for line in findings)
    assert {line[:2] for line in findings} >= {"✗ ", "  "}


def test_without_labels_the_next_step_is_to_name_them(tmp_path):
    path = tmp_path / "rows.txt"
    path.write_text("where is my card\nhow do I pay\n")
    lines = run(path).stdout.splitlines()
    assert "no label column (--label)" in lines[0]
    assert lines[-1] == f"next: metier check {path} --label COLUMN"


def test_without_labels_the_columns_that_may_hold_them_are_named(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("ticket,message,queue\n1,where is my card,cards\n2,how do I pay,payments\n")
    assert "no label column among ticket, queue (--label)" in run(path).stdout.splitlines()[0]


def written(tmp_path, *rows):
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return path


def test_broken_spans_are_findings_and_repair_stands_in_the_next_command(tmp_path):
    path = written(
        tmp_path,
        {"text": "Ada lived in London.", "marks": [[13, 20, "LOC"]]},
        {"text": "Ada lived in Paris.", "marks": [[12, 18, "LOC"]]},
        {"text": "Ada lived in Rome.", "marks": [[13, 17, "LOC"], [0, 3, "PER"]]},
    )
    lines = run(path, "--role", "spans=marks", code=1).stdout.splitlines()
    assert (
        lines[0] == f"{path}: 3 rows of named entity recognition, text = text, spans = marks (2 types), English"
    )
    assert lines[1].startswith("✗ 1 row has spans that begin or end with a space (column marks); row 2: ")
    assert lines[1].endswith("--repair fixes it (--repair)")
    assert lines[-1] == f"next: metier train {path} --role spans=marks --repair"
    shown = run(path, "--role", "spans=marks", "--show", "broken-spans", code=1).stdout
    assert "Ada lived in Paris." in shown
    mended = run(path, "--role", "spans=marks", "--repair")
    assert "repair fixed 1 value of marks" in mended.stderr
    assert mended.stdout.splitlines()[-1] == f"next: metier train {path} --repair --role spans=marks"


def test_what_only_a_hand_can_mend_is_shown_before_it_is_trained_on(tmp_path):
    path = written(tmp_path, *({"text": f"text {n}", "score": "good" if n == 4 else n} for n in range(9)))
    lines = run(path, "--role", "score=score", code=1).stdout.splitlines()
    assert "score = score (0 to 8)" in lines[0]
    assert lines[-1] == f"next: metier check {path} --role score=score --show broken-scores"
    assert (
        json.loads(run(path, "--role", "score=score", "--json", code=1).stdout)["facts"]["task"] == "regression"
    )


def test_a_separator_is_asked_for_by_name(tmp_path):
    rows = ({"text": f"row {n}", "labels": "Washington, D.C." if n % 2 else "Paris"} for n in range(8))
    path = written(tmp_path, *rows)
    lines = run(path, code=1).stdout.splitlines()
    assert lines[-1] == f"next: metier check {path} --separator SIGN"


def test_a_role_that_nobody_knows_is_named(tickets):
    said = " ".join(run(tickets[0], "--role", "span=x", code=2).output.split())
    assert "--role takes ROLE=COLUMN; found 'span=x'. Did you mean 'spans'?" in said


@pytest.fixture
def opinions(tmp_path):
    """Rows whose labels are grades as well as labels."""
    path = tmp_path / "opinions.csv"
    words = ("dreadful", "poor", "decent", "lovely", "superb")
    rows = [f"the {noun} was {words[grade]},{grade + 1}" for noun in NOUNS for grade in range(5)]
    path.write_text("text,label\n" + "\n".join(rows) + "\n")
    return path


NOUNS = ("room", "meal", "staff", "view", "bed", "lobby", "pool", "lift")


def test_a_stated_task_is_taken_and_goes_on_to_training(opinions):
    lines = run(opinions, "--task", "ordinal").stdout.splitlines()
    assert lines[0].startswith(
        f"{opinions}: 40 rows of ordinal classification, text = text, label = label (5 labels)"
    )
    assert lines[-1] == f"next: metier train {opinions} --task ordinal"
    assert json.loads(run(opinions, "--task", "retrieval", "--json").stdout)["facts"]["task"] == "retrieval"


def test_a_task_that_the_rows_do_not_hold_is_an_error_as_in_training(opinions):
    result = run(opinions, "--task", "ner", code=1)
    mark = next(line for line in result.stdout.splitlines() if line.startswith("✗"))
    assert mark.startswith(f"✗ ner cannot be learned from these rows: {opinions} has no spans column")
    with pytest.raises(MissingLabelError, match="has no spans column"):
        decide(read(opinions), check_settings({"task": "ner"}))
    # A scale that nobody knows: grades have an order, labels have none.
    opinions.write_text(opinions.read_text().replace(",1", ",pale").replace(",5", ",dark"))
    assert "Ordinal labels need an order" in run(opinions, "--task", "ordinal", code=1).stdout
    run(opinions)


def test_show_takes_the_earlier_name_of_a_finding(tickets):
    train, _ = tickets
    assert "merged-labels: nothing was found" in run(train, "--show", "joined-labels", code=1).stdout


def test_a_task_nobody_knows_is_refused_before_any_work(tmp_path):
    with pytest.raises(UnknownNameError, match="ordinal"):
        run(tmp_path / "not-there.csv", "--task", "gradin")


def test_an_old_name_of_a_task_is_taken_and_says_its_new_one(opinions):
    shown = run(opinions, "--task", "grading")
    assert "task = ordinal: grading is its old name" in shown.stderr
    assert shown.stdout.splitlines()[-1] == f"next: metier train {opinions} --task ordinal"


def test_a_list_of_no_names_is_refused_rather_than_taken_for_the_default():
    assert "found no name in ' , '" in run("rows.csv", "--order", " , ", code=2).output


def test_several_tasks_are_checked_each_with_its_column(tmp_path):
    path = tmp_path / "two.csv"
    texts = [f"my card number {n} is {'lost' if n % 2 else 'stolen'}" for n in range(48)]
    rows = [f"{text},{'ab'[n % 2]},{'xyz'[n % 3] if n else ''}" for n, text in enumerate(texts)]
    path.write_text("\n".join(["text,intent,topic", *rows]) + "\n")
    asked = "classification:intent,classification:topic"
    lines = run(path, "--task", asked, code=1).stdout.splitlines()
    assert lines[0].startswith("classification:intent: ")
    assert "label = intent (2 labels)" in lines[0]
    assert "label = topic (3 labels)" in lines[1]
    assert sum("without a label" in line or "no label" in line for line in lines) == 1
    assert len(lines) == len(set(lines))  # What is wrong with the texts is said once.
    found = json.loads(run(path, "--task", asked, "--json", code=1).stdout)
    assert {name: own["roles"]["label"] for name, own in found["tasks"].items()} == {
        "classification:intent": "intent",
        "classification:topic": "topic",
    }
    assert f"--task {asked}" in found["next"]


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ("classification:intent,classification:gone", "has no column 'gone'"),
        ("classification,ner,", "leaves a name out"),
        ("classification,nerr", "There is no task called 'nerr'"),
        ("classification:a,ordinal:a", "asks twice for one column"),
    ],
)
def test_tasks_that_cannot_be_checked_together_are_said(tickets, task, said):
    with pytest.raises((CallError, UnknownNameError), match=said):
        run(tickets[0], "--text", "message", "--task", task)


def test_thorough_finds_by_meaning_what_words_do_not_show(tmp_path):
    said = {
        "lost": [
            "my card is gone",
            "I cannot find my card",
            "someone took my card",
            "the card vanished",
            "I mislaid it",
        ],
        "rate": [
            "how many euros for a dollar",
            "what is your rate",
            "tell me the price of pounds",
            "which course today",
        ],
    }
    rows = [(f"{text}, {end}", label) for label, texts in said.items() for text in texts for end in ENDS]
    rows[0] = (rows[0][0], "rate")
    file = tmp_path / "asked.csv"
    file.write_text("text,label\n" + "\n".join(f'"{text}",{label}' for text, label in rows) + "\n", "utf-8")
    shown = run(file, "--thorough", "--show", "label-errors").stdout
    assert rows[0][0] in shown
