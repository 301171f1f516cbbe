import csv
import gzip
import io
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from metier.bundles import ManifestFacts, load_bundle, seal
from metier.classical import TfidfLinear
from metier.cli import program
from metier.cli.answered_facts import _answered_by
from metier.cli.answered_files import rows_roughly
from metier.predictors.loading import read_settings

LABELS = (
    "activate_my_card",
    "age_limit",
    "atm_support",
    "card_arrival",
    "exchange_rate",
    "lost_or_stolen_card",
)
ASKED = ["How old do I have to be?", "Where is my new card, it never came"]
BANKING = Path(__file__).parents[2] / "examples" / "banking77"


def read_banking(split):
    with (BANKING / f"{split}.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [row["text"] for row in rows], [row["label"] for row in rows]


@pytest.fixture(scope="module")
def rows():
    texts, labels = read_banking("train")
    pairs = list(zip(texts, labels, strict=True))
    return [pair for label in LABELS for pair in [p for p in pairs if p[1] == label][:50]]


@pytest.fixture(scope="module")
def bundle(rows, tmp_path_factory):
    method = TfidfLinear(model="svc", C=1.0, temperature=0.2).fit([t for t, _ in rows], [y for _, y in rows])
    folder = tmp_path_factory.mktemp("sealed") / method.name
    folder.mkdir()
    method.export(folder)
    settings = read_settings(folder)
    facts = {
        "name": method.name,
        "method": method.name,
        "task": {"name": "classification", "labels": settings["labels"]},
        "predictor": {"kind": settings["kind"], "name": settings["name"]},
        "data": {"fingerprint": "ab" * 32, "origin": "train.csv", "rows": {"train": len(rows)}},
    }
    seal(folder, ManifestFacts.model_validate(facts))
    return folder


@pytest.fixture
def ask(bundle, capsys, tmp_path, monkeypatch):
    """Run the command on the bundle; give its exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)  # A crash file would land here, and fail the tests that look.

    def _ask(*args):
        code = program.run(["predict", str(bundle), *map(str, args)])
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return _ask


@pytest.fixture
def unseen():
    """Rows of the test split, with a column of their own and what makes CSV hard."""
    texts, labels = read_banking("test")
    picked = [(t, y) for t, y in zip(texts, labels, strict=True) if y in LABELS][::4][:50]
    kept = ('a,"b"\nc', "信用卡", "")
    return [{"id": f"{i:03d}", "body": t, "kept": kept[i % 3]} for i, (t, _) in enumerate(picked)]


def write_csv(path, records):
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(records[0]))
        writer.writeheader()
        writer.writerows(records)
    return path


def write_lines(path, records):
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records), encoding="utf-8")
    return path


def read_csv(text):
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_texts_are_answered_in_their_order(ask):
    code, out, err = ask(*ASKED)
    assert (code, err) == (0, "")
    first, second = out.splitlines()
    assert first.split()[0] == "age_limit"
    assert second.split()[0] == "card_arrival"
    assert "tfidf_linear.v1" in first
    assert first.endswith(ASKED[0])


def test_one_text_is_one_line_without_the_text_again(ask):
    _, out, _ = ask(ASKED[0])
    assert out.startswith("age_limit ")
    assert ASKED[0] not in out


def test_json_is_what_the_bundle_answers(ask, bundle):
    code, out, _ = ask(*ASKED, "--json", "--top", "2")
    assert code == 0
    answers = load_bundle(bundle).predict(ASKED)
    for line, expected in zip(out.splitlines(), answers.probabilities, strict=True):
        found = json.loads(line)
        order = np.argsort(-expected)[:2]
        assert list(found["probabilities"]) == [answers.labels[i] for i in order]
        assert list(found["probabilities"].values()) == pytest.approx(expected[order], abs=1e-6)
        assert found["label"] == answers.labels[order[0]]
        assert found["probability"] == pytest.approx(expected.max(), abs=1e-6)
        assert found["answered_by"] == "tfidf_linear.v1"
    assert "probabilities" not in json.loads(ask(ASKED[0], "--json")[1])


def test_top_lists_the_likeliest_first_and_never_more_than_there_are(ask):
    lines = ask(ASKED[0], "--top", "3")[1].splitlines()
    assert len(lines) == 4
    shares = [float(line.split()[0]) for line in lines[1:]]
    assert shares == sorted(shares, reverse=True)
    assert lines[1].split()[-1] == "age_limit"
    assert len(ask(ASKED[0], "--top", "99")[1].splitlines()) == 1 + len(LABELS)


@pytest.mark.parametrize("source_kind", ["csv", "jsonl"])
@pytest.mark.parametrize("output_kind", ["csv", "jsonl", "csv.gz"])
def test_a_file_keeps_its_columns_and_gets_the_answers(ask, bundle, tmp_path, unseen, source_kind, output_kind):
    write = write_csv if source_kind == "csv" else write_lines
    source, output = write(tmp_path / f"in.{source_kind}", unseen), tmp_path / f"out.{output_kind}"
    code, out, _ = ask("--input", source, "--output", output, "--text", "body", "--json")
    assert code == 0
    facts = json.loads(out)
    assert facts["rows"] == len(unseen)
    assert facts["answered_by"] == {"tfidf_linear.v1": len(unseen)}
    assert facts["columns"] == ["label", "probability", "answered_by"]
    written = gzip.decompress(output.read_bytes()) if output_kind.endswith("gz") else output.read_bytes()
    text = written.decode()
    found = [json.loads(line) for line in text.splitlines()] if output_kind == "jsonl" else read_csv(text)
    assert [{key: row[key] for key in unseen[0]} for row in found] == unseen
    assert list(found[0]) == ["id", "body", "kept", "label", "probability", "answered_by"]
    answers = load_bundle(bundle).predict([row["body"] for row in unseen])
    assert [row["label"] for row in found] == answers.predicted
    chances = [float(row["probability"]) for row in found]
    np.testing.assert_allclose(chances, answers.probabilities.max(axis=1), atol=1e-6)
    assert {row["answered_by"] for row in found} == {"tfidf_linear.v1"}


def test_a_file_of_several_batches_loses_no_row(ask, tmp_path, unseen, monkeypatch):
    monkeypatch.setattr("metier.cli.answered_files.BATCH_ROWS", 7)
    source, output = write_csv(tmp_path / "in.csv", unseen), tmp_path / "out.csv"
    code, out, _ = ask("--input", source, "--output", output, "--text", "body")
    assert code == 0
    assert f"{len(unseen)} rows" in out
    found = read_csv(output.read_text(encoding="utf-8"))
    assert [row["id"] for row in found] == [row["id"] for row in unseen]


@pytest.mark.parametrize(
    "idle", [["--safe-csv"], ["--overwrite"], ["--format", "csv"], ["--no-header"], ["--role", "text=body"]]
)
def test_options_of_files_are_refused_where_texts_are_answered(ask, idle):
    code, out, err = ask("my card", *idle)
    flag = {"--no-header": "--header"}.get(idle[0], idle[0])
    assert (code, out) == (2, "")
    assert f"so {flag} would do nothing" in err


def test_a_format_is_refused_where_no_file_is_a_pipe(ask, tmp_path, unseen):
    source = write_csv(tmp_path / "in.csv", unseen)
    assert "Leave --format out" in ask("--input", source, "--output", tmp_path / "o.csv", "--format", "csv")[2]


@pytest.mark.parametrize("output", ["folder", "/dev/full"])
def test_what_is_no_file_is_named_at_once(ask, tmp_path, unseen, output):
    (tmp_path / "folder").mkdir()
    source = write_csv(tmp_path / "in.csv", unseen)
    code, _, err = ask("--input", source, "--output", output)
    assert code == 2
    assert f"{output} is {'a folder' if output == 'folder' else 'a device'}, not a file" in err


def test_a_label_column_of_the_file_is_kept_beside_ours(ask, tmp_path, rows):
    source = write_csv(tmp_path / "in.csv", [{"text": text, "label": "as it was"} for text, _ in rows[::60]])
    output = tmp_path / "out.jsonl"
    assert ask("--input", source, "--output", output, "--top", "2")[0] == 0
    found = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    assert {row["label"] for row in found} == {"as it was"}
    assert [row["predicted_label"] for row in found] == [label for _, label in rows[::60]]
    chances = json.loads(found[0]["probabilities"])
    assert len(chances) == 2
    assert chances[found[0]["predicted_label"]] == found[0]["probability"]


def test_a_failure_half_way_leaves_the_old_file_and_no_partial_one(ask, tmp_path, unseen, monkeypatch):
    monkeypatch.setattr("metier.cli.answered_files.BATCH_ROWS", 7)
    source, output = write_lines(tmp_path / "in.jsonl", unseen), tmp_path / "out.csv"
    with source.open("a", encoding="utf-8") as file:
        file.write('{"id": "broken"\n')
    output.write_text("what stood here\n")
    assert "exists already. Add --overwrite" in ask("--input", source, "--output", output)[2]
    code, out, err = ask("--input", source, "--output", output, "--text", "body", "--overwrite")
    assert code == 1
    assert out == ""
    assert f"line {len(unseen) + 1}" in err
    assert output.read_text() == "what stood here\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "out.csv"]


def test_a_missing_text_column_names_those_there_are(ask, tmp_path, unseen):
    source, output = write_csv(tmp_path / "in.csv", unseen), tmp_path / "out.csv"
    code, _, err = ask("--input", source, "--output", output, "--text", "txet")
    assert code == 2
    assert "no column 'txet'" in err
    assert "id, body, kept" in err
    assert "--text" in err
    assert not output.exists()


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ([], "nothing to predict"),
        (["a text", "--input", "in.csv", "--output", "out.csv"], "one of them"),
        (["--input", "in.csv"], "go together"),
        (["--output", "out.csv", "a text"], "go together"),
        (["a text", "--top", "0"], "--top"),
        (["--input", "in.csv", "--output", "out.xls"], "does not end in a format"),
        (["--input", "absent.csv", "--output", "out.csv"], "absent.csv"),
        (["--input", "in.csv", "--output", "no/folder/out.csv"], "mkdir -p no/folder"),
        (["a text", "--candidate", "majority"], "is not a run"),
        *(
            (["a text", "--min-confidence", one], f"'{one}' is no number from 0 to 1")
            for one in ("nan", "-1", "inf")
        ),
        (
            ["a text", "--min-confidence", "in.csv"],
            "in.csv holds no thresholds. Write them with: metier evaluate RUN FILE",
        ),
    ],
)
def test_a_wrong_call_is_a_sentence(ask, tmp_path, args, says):
    write_csv(tmp_path / "in.csv", [{"text": "a card"}, {"text": "a rate"}])
    code, out, err = ask(*args)
    assert code in (1, 2)
    assert out == ""
    assert says in err
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_answers_below_a_confidence_are_kept_and_marked(ask, bundle, tmp_path, unseen):
    source, output = write_csv(tmp_path / "in.csv", unseen), tmp_path / "out.csv"
    code, out, _ = ask("--input", source, "--output", output, "--text", "body", "--min-confidence", "0.9")
    assert code == 0
    chances = load_bundle(bundle).predict([row["body"] for row in unseen]).probabilities.max(axis=1)
    found = read_csv(output.read_text(encoding="utf-8"))
    assert [row["needs_review"] for row in found] == ["true" if chance < 0.9 else "false" for chance in chances]
    assert all(row["label"] for row in found)
    assert f"for a person: {int((chances < 0.9).sum())} rows" in out
    line = json.loads(ask("qwerty", "--min-confidence", "1", "--json")[1])
    assert line["needs_review"] is True
    assert "needs review" in ask("qwerty", "--min-confidence", "1")[1]


def test_thresholds_of_labels_come_from_a_file(ask, bundle, tmp_path, unseen):
    texts = [row["body"] for row in unseen]
    answers = load_bundle(bundle).predict(texts)
    often = Counter(answers.predicted).most_common(1)[0][0]
    file = tmp_path / "evaluated.json"
    file.write_text(json.dumps({"abstention": {"threshold": 0.0, "labels": {often: None}}}), encoding="utf-8")
    source, output = write_csv(tmp_path / "in.csv", unseen), tmp_path / "out.csv"
    assert ask("--input", source, "--output", output, "--text", "body", "--min-confidence", file)[0] == 0
    found = read_csv(output.read_text(encoding="utf-8"))
    assert {row["needs_review"] for row in found if row["label"] == often} == {"true"}
    assert {row["needs_review"] for row in found if row["label"] != often} <= {"false"}


@pytest.mark.parametrize(
    ("encoding", "delimiter"), [("utf-8-sig", ";"), ("gb18030", ","), ("utf-16", "\t"), ("cp1252", ";")]
)
def test_a_csv_file_keeps_its_encoding_and_its_delimiter(ask, tmp_path, encoding, delimiter):
    word = "café à la carte déjà" if encoding == "cp1252" else "我的银行卡还没有到，请问什么时候能到"
    lines = [delimiter.join(["id", "text"]), *(delimiter.join([str(n), f"{word} {n}"]) for n in range(30))]
    source, output = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_bytes("\n".join(lines).encode(encoding))
    code, _, err = ask("--input", source, "--output", output, "--encoding", encoding)
    assert code == 0, err
    kept = "utf-8" if encoding == "cp1252" else encoding
    text = output.read_bytes().decode(kept)
    assert text.splitlines()[0] == delimiter.join(["id", "text", "label", "probability", "answered_by"])
    assert f"3{delimiter}{word} 3{delimiter}" in text
    assert ("is written as utf-8" in err) == (encoding == "cp1252")


@pytest.mark.parametrize(("form", "more"), [("csv", []), ("jsonl", []), ("csv", ["--format", "jsonl"])])
def test_rows_go_through_pipes(bundle, tmp_path, unseen, form, more):
    source = (write_csv if form == "csv" else write_lines)(tmp_path / f"in.{form}", unseen)
    if more:
        source = write_lines(tmp_path / "in.jsonl", unseen)
    command = [
        sys.executable,
        "-m",
        "metier",
        "predict",
        str(bundle),
        "--input",
        "-",
        "--output",
        "-",
        "--text",
        "body",
    ]
    done = subprocess.run([*command, *more], input=source.read_bytes(), capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    text = done.stdout.decode()
    found = read_csv(text) if form == "csv" and not more else [json.loads(line) for line in text.splitlines()]
    assert [row["id"] for row in found] == [row["id"] for row in unseen]
    assert all(row["label"] for row in found)
    assert f"stdout: {len(unseen)} rows" in done.stderr.decode()


def test_rows_and_totals_do_not_both_go_to_stdout(ask, tmp_path):
    code, out, _ = ask("--input", "in.csv", "--output", "-", "--json")
    assert code == 2
    assert "would both write to stdout" in json.loads(out)["error"]["message"]


def test_nothing_on_stdin_is_said(bundle):
    done = ask_rows(bundle, b"")
    assert done.returncode == 1
    assert b"standard input has no rows" in done.stderr


def test_a_file_called_like_a_pipe_does_not_stop_pipes(ask, tmp_path, monkeypatch):
    (tmp_path / "-").write_text("mine")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"")))
    code, _, told = ask("--input", "-", "--output", "-")
    assert (code, told) == (1, "standard input has no rows. Pipe some in, or name a file.\n")
    assert (tmp_path / "-").read_text() == "mine"


def ask_rows(bundle, sent):
    command = [sys.executable, "-m", "metier", "predict", str(bundle), "--input", "-", "--output", "-"]
    return subprocess.run(command, input=sent, capture_output=True, timeout=60)


def test_a_candidate_of_a_run_is_named_without_its_version(small_runs, capsys):
    run = small_runs / "runs" / "en"
    assert program.run(["predict", str(run), "where is my card", "--candidate", "majority"]) == 0
    assert "majority.v1" in capsys.readouterr().out
    assert program.run(["predict", str(run), "where is my card", "--candidate", "tfidf"]) == 2
    assert "Did you mean 'tfidf_linear.v1'? Known: majority.v1, tfidf_linear.v1." in capsys.readouterr().err


def test_the_column_that_was_trained_on_is_the_text(small_runs, capsys, tmp_path):
    """Alone, `text` would be taken; the model was trained on `message`."""
    rows = [{"text": "internal note " * 9, "message": "When will my new card arrive?"}]
    source, output = write_csv(tmp_path / "in.csv", rows), tmp_path / "out.jsonl"
    run = small_runs / "runs" / "en"
    assert program.run(["predict", str(run), "--input", str(source), "--output", str(output)]) == 0
    assert json.loads(output.read_text("utf-8"))["label"] == "card_arrival"


def test_a_missing_or_damaged_bundle_is_a_sentence(bundle, capsys, tmp_path):
    assert program.run(["predict", str(tmp_path / "nowhere"), "a text"]) == 2
    assert "There is nothing at" in capsys.readouterr().err
    assert program.run(["predict", str(tmp_path), "a text"]) == 1
    assert "neither a bundle" in capsys.readouterr().err
    assert program.run(["predict", str(tmp_path), "a text", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "bad_bundle"


def ask_stdin(bundle, sent, *args, **environment):
    return subprocess.run(
        [sys.executable, "-m", "metier", "predict", str(bundle), "-", *args],
        input=sent,
        capture_output=True,
        timeout=60,
        env=os.environ | environment,
    )


def test_each_line_of_stdin_is_answered(bundle, rows):
    asked = [text.replace("\n", " ") for text, _ in rows[::30]] + ["换卡", ""]
    done = ask_stdin(bundle, "\r\n".join(asked).encode(), "--json", PYTHONIOENCODING="utf-8")
    assert done.returncode == 0, done.stderr
    found = [json.loads(line)["label"] for line in done.stdout.decode().splitlines()]
    assert (
        found == load_bundle(bundle).predict(asked[:-1]).predicted
    )  # What ends the last line is no line more.


def test_no_line_is_no_answer_and_no_failure(bundle):
    done = ask_stdin(bundle, b"")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_bytes_that_are_no_text_are_the_callers_to_mend(bundle, tmp_path):
    done = ask_stdin(bundle, "a café\n".encode("latin-1"), PYTHONIOENCODING="utf-8:strict")
    assert done.returncode == 1
    assert b"stdin is not" in done.stderr
    assert b"Internal error" not in done.stderr


def test_progress_over_a_file_does_not_count_the_line_of_names(tmp_path):
    for name, n_rows in (("rows.csv", 2), ("rows.jsonl", 3), ("rows.json", None)):
        (tmp_path / name).write_text("a\nb\nc\n")
        assert rows_roughly(tmp_path / name) == n_rows


@pytest.mark.parametrize("form", ["csv", "tsv", "jsonl"])
def test_a_fault_in_the_rows_of_stdin_names_standard_input(ask, monkeypatch, form):
    sent = {"csv": "id,words\n1,a\n2\n", "tsv": "id,text\n1,a\n2,b\n", "jsonl": "id,text\n1,a\n"}[form]
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(sent.encode())))
    code, out, told = ask("--input", "-", "--output", "-", "--format", form)
    assert (code, out) == ({"csv": 1, "tsv": 2, "jsonl": 1}[form], "")
    says = {
        "csv": "standard input, line 3: found 1 field",
        "tsv": "standard input is delimited by comma, not by tab: the first line is 'id,text'",
        "jsonl": "standard input is to be read as JSON lines, but it begins with 'i'",
    }
    assert says[form] in told
    assert "/" not in told


def test_one_model_answers_all_rows_and_several_their_shares():
    facts = {"columns": ["label"], "rows": 4}
    assert _answered_by(facts | {"answered_by": {"a.v1": 4}}).startswith("all 4 rows answered by a.v1; ")
    assert _answered_by(facts | {"answered_by": {"a.v1": 3}}).startswith("3 rows answered by a.v1; ")
    shares = _answered_by(facts | {"answered_by": {"a.v1": 3, "b.v1": 1}})
    assert shares.startswith("answered 75.0 % of rows by a.v1, 25.0 % of rows by b.v1; ")
