import json
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from metier.cli.clean import clean
from metier.data import read
from metier.errors import CallError, MetierError, MissingColumnError, UnknownNameError

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
LISTS = ("--names", "lists")


def run(*args, code=0):
    result = CliRunner().invoke(clean, [str(arg) for arg in args])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    if isinstance(result.return_value, int):
        assert result.return_value == code
    return result


def facts_of(*args):
    return json.loads(run(*args, "--json").stdout)


@pytest.fixture
def rows(tmp_path):
    path = tmp_path / "rows.jsonl"
    records = [
        {"text": "<p>Bob  lives in Paris!!!!!</p>", "spans": [[3, 6, "PER"], [17, 22, "LOC"]], "n": 3},
        {
            "text": "mail Ann at a@b.com",
            "spans": [{"start": 5, "end": 8, "label": "PER", "text": "Ann"}],
            "n": 4.5,
        },
        {"text": "Ｈｉ　ｔｈｅｒｅ", "spans": [], "n": 1},
        {"text": "too short", "spans": [[0, 90, "PER"]], "n": 1},
        {"text": "nothing", "spans": [], "n": 1},
    ]
    path.write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    return path


def written(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_texts_are_cleaned_spans_moved_and_other_columns_kept(rows, tmp_path):
    out = tmp_path / "out.jsonl"
    facts = facts_of(rows, "--output", out)
    one, two, three, four, five = written(out)
    assert one == {"text": "Bob lives in Paris!!!", "spans": [[0, 3, "PER"], [13, 18, "LOC"]], "n": 3}
    assert two == {
        "text": "mail Ann at a@b.com",
        "spans": [{"start": 5, "end": 8, "label": "PER", "text": "Ann"}],
        "n": 4.5,
    }
    assert (three["text"], four["text"], five["text"]) == ("Hi there", "too short", "nothing")
    assert (facts["rows"], facts["rows_changed"], facts["left_alone"], facts["marks"]) == (5, 2, [4], ["spans"])
    log = written(tmp_path / "out.jsonl.changes.jsonl")
    assert {line["row"] for line in log} == {1, 3}
    assert log[0] == {
        "row": 1, "column": "text", "step": "markup", "start": 0, "end": 3, "before": "<p>", "after": "\n", "is_done": True,
    }  # fmt: skip
    assert sum(step["changes"] for step in facts["steps"].values()) == len(log)


def test_personal_data_go_and_stand_nowhere(rows, tmp_path):
    out = tmp_path / "out.jsonl"
    facts = facts_of(rows, "--output", out, "--personal-data", "replace", *LISTS)
    assert written(out)[1]["text"] == "mail Ann at <EMAIL_ADDRESS>"
    assert facts["personal_data"] == {"EMAIL_ADDRESS": 1}
    log = tmp_path / "out.jsonl.changes.jsonl"
    assert "a@b.com" not in log.read_text("utf-8") + out.read_text("utf-8") + json.dumps(facts)
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_personal_data_that_are_marked_are_replaced_or_reported(tmp_path):
    path, out = tmp_path / "rows.jsonl", tmp_path / "out.jsonl"
    records = [
        {"text": "ask Anna Bell today", "spans": [[4, 13, "PER"]]},
        {"text": "ask Anna Bell today", "spans": [[0, 8, "X"]]},
    ]
    path.write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    done = run(path, "--output", out, "--personal-data", "replace", *LISTS, code=1)
    assert written(out) == [{"text": "ask <PERSON> today", "spans": [[4, 12, "PER"]]}, records[1]]
    assert "! personal data stay in what is marked, in 1 row: 2" in done.stdout
    assert "! changed inside what is marked, in 1 row: 1" in done.stdout


def test_columns_that_are_not_cleaned_are_named(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("text,label,email\nmail me,x,a@b.com\nor not,y,\n", encoding="utf-8")
    facts = facts_of(path, "--output", tmp_path / "one.csv", "--personal-data", "redact", *LISTS)
    assert facts["not_cleaned"] == ["email"]
    facts = facts_of(
        path, "--output", tmp_path / "two.csv", "--personal-data", "mask", "--columns", "email", *LISTS
    )
    assert (facts["not_cleaned"], facts["columns"]) == ([], ["text", "email"])
    assert (tmp_path / "two.csv").read_text("utf-8") == "text,label,email\nmail me,x,*******\nor not,y,\n"


def test_a_key_gives_the_same_hash_again(tmp_path):
    path, key = tmp_path / "rows.csv", tmp_path / "key"
    path.write_text("text,label\nmail a@b.com,x\n", encoding="utf-8")
    outs = [tmp_path / f"{n}.csv" for n in range(3)]
    for out in outs[:2]:
        run(path, "--output", out, "--personal-data", "hash", "--key", key)
    run(path, "--output", outs[2], "--personal-data", "hash")
    one, two, other = (out.read_text("utf-8") for out in outs)
    assert one == two != other
    assert "<EMAIL_ADDRESS:" in one


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet", "xlsx", "conll", "csv.gz"])
def test_every_format(tmp_path, ending):
    source, out = EXAMPLES / "uner_zh_gsd" / "dev.conll", tmp_path / f"out.{ending}"
    run(source, "--output", out, "--simplified")
    before, after = read(source), read(out, spans="spans")
    assert len(after) == len(before)
    for one, other in zip(before.values("spans"), after.values("spans"), strict=True):
        assert [span[2] for span in one] == [span[2] for span in other]
    assert "這" in "".join(before.texts)
    assert "這" not in "".join(after.texts)


def test_answers_and_conversations(tmp_path):
    out = tmp_path / "out.jsonl"
    run(EXAMPLES / "xquad" / "test.en.json", "--output", out, "--steps", "repeated-signs")
    for row in written(out):
        assert all(row["text"][one["start"] :].startswith(one["text"]) for one in row["answers"])
    talk = tmp_path / "talk.jsonl"
    turns = [{"role": "user", "content": "I'm  Anna Bell"}, {"role": "assistant", "content": "Hi<br>Anna"}]
    talk.write_text(json.dumps({"messages": [*turns, *turns]}) + "\n", encoding="utf-8")
    run(talk, "--output", out, "--overwrite", "--personal-data", "replace", *LISTS)
    row = written(out)[0]
    assert list(row) == ["messages"]
    assert [turn["content"] for turn in row["messages"]][:2] == ["I'm <PERSON>", "Hi\nAnna"]


@pytest.mark.parametrize(
    ("args", "kind", "words"),
    [
        (["--steps", "polish"], UnknownNameError, "step of cleaning"),
        (["--columns", "nothing"], MissingColumnError, "--columns"),
        (["--entities", "PERSON"], CallError, "--personal-data"),
        (["--personal-data", "mask", "--entities", "HUMAN"], UnknownNameError, "kind of personal data"),
        (["--text", "body"], MissingColumnError, "body"),
    ],
)
def test_wrong_calls_are_sentences_and_leave_nothing(rows, tmp_path, args, kind, words):
    with pytest.raises(kind, match=words):
        run(rows, "--output", tmp_path / "out.jsonl", *args)
    assert [path.name for path in tmp_path.iterdir()] == ["rows.jsonl"]


def test_files_stay_where_something_fails_half_way(rows, tmp_path):
    # CoNLL cannot hold the span that reaches outside of its text.
    with pytest.raises(MetierError, match="row 4"):
        run(rows, "--output", tmp_path / "out.conll")
    assert [path.name for path in tmp_path.iterdir()] == ["rows.jsonl"]
    with pytest.raises(CallError, match="exists already"):
        run(rows, "--output", rows)
    with pytest.raises(CallError, match="is cleaned"):
        run(rows, "--output", rows, "--overwrite")


def test_what_is_printed(rows, tmp_path):
    shown = run(rows, "--output", tmp_path / "out.jsonl").stdout
    assert "2 of 5 rows changed" in shown
    assert "markup: 2 changes in 1 row" in shown
    assert "row 1, text: '<p>' → '\\n'" in shown
    assert "! left alone, 1 row, as what is marked does not fit the text (metier check): 4" in shown
