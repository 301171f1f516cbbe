import json
import os

import pytest
from click.testing import CliRunner

from metier.cli.check import check
from metier.cli.import_ import import_file
from metier.data import read
from metier.errors import CallError, DataError, EmptyDataError, UnknownNameError, UnreadableFileError

TEXT = "Ada lived in London."


def run(*args, code=0, command=import_file):
    result = CliRunner().invoke(command, [str(arg) for arg in args])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def doccano(tmp_path):
    def write(*documents):
        path = tmp_path / "all.jsonl"
        path.write_text("\n".join(json.dumps(document) for document in documents))
        return path

    return write


MARKED = {"id": 1, "text": TEXT, "label": [[0, 3, "PER"], [13, 19, "LOC"]]}


def test_it_says_what_it_took_counts_and_names_the_next_command(doccano, tmp_path):
    source = doccano(MARKED, {"id": 2, "text": "No.", "label": [], "relations": [{"id": 3}]})
    output = tmp_path / "rows.jsonl"
    lines = run(source, "--output", output).stdout.splitlines()
    assert lines == [
        f"{source} is doccano JSON lines, sequence labelling: 2 rows, 2 spans, 2 labels in {output}",
        "columns: text, spans, id",
        "! left out 1: relations (in item 2)",
        f"next: metier check {output}",
    ]
    assert (
        "of named entity recognition, text = text, spans = spans (2 types)" in run(output, command=check).stdout
    )


def test_as_json(doccano, tmp_path):
    facts = json.loads(run(doccano(MARKED), "--output", tmp_path / "rows.parquet", "--json").stdout)
    assert (facts["rows"], facts["spans"], facts["labels"]) == (1, 2, {"PER": 1, "LOC": 1})
    assert facts["left_out"] == {}


def test_spans_as_conll_and_labels_as_csv(doccano, tmp_path):
    run(doccano(MARKED), "--output", tmp_path / "rows.conll")
    assert read(tmp_path / "rows.conll").values("spans") == [[[0, 3, "PER"], [13, 19, "LOC"]]]
    run(
        doccano({"text": "a", "label": ["x"]}, {"text": "b", "label": ["y"]}), "--output", tmp_path / "rows.csv"
    )
    assert read(tmp_path / "rows.csv").labels == ["x", "y"]


def test_what_a_format_cannot_hold_is_refused_and_nothing_is_written(doccano, tmp_path):
    overlapping = doccano({"text": TEXT, "label": [[0, 3, "PER"], [0, 9, "X"]]})
    with pytest.raises(DataError, match=r"row 1: the spans .* overlap\. CoNLL cannot hold this"):
        run(overlapping, "--output", tmp_path / "rows.conll")
    with pytest.raises(CallError, match="CSV and TSV cannot hold lists"):
        run(overlapping, "--output", tmp_path / "rows.csv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all.jsonl"]


def test_faults_of_the_source_are_kept_for_check_to_report(doccano, tmp_path):
    run(doccano({"text": TEXT, "label": [[0, 99, "PER"]]}), "--output", tmp_path / "rows.jsonl")
    with pytest.raises(DataError, match="reaches outside its text"):
        read(tmp_path / "rows.jsonl")


def test_an_import_without_rows_says_what_was_left_out(doccano, tmp_path):
    with pytest.raises(EmptyDataError, match=r"gives no rows: 1 documents without a label"):
        run(doccano({"text": "a", "label": []}), "--output", tmp_path / "rows.jsonl")
    assert not (tmp_path / "rows.jsonl").exists()


def test_a_file_that_is_there_is_replaced_only_when_told(doccano, tmp_path):
    source, output = doccano(MARKED), tmp_path / "rows.jsonl"
    output.write_text("precious")
    with pytest.raises(CallError, match="exists already"):
        run(source, "--output", output)
    assert output.read_text() == "precious"
    run(source, "--output", output, "--overwrite")
    assert len(read(output)) == 1
    assert "would replace the file" in run(source, "--output", source, "--overwrite", code=2).output


def test_a_pipe_is_refused_without_waiting_for_who_writes_it(tmp_path):
    os.mkfifo(tmp_path / "rows.jsonl")
    with pytest.raises(UnreadableFileError, match="is a named pipe"):
        run(tmp_path / "rows.jsonl", "--output", tmp_path / "out.jsonl")


def test_a_format_nobody_knows(doccano, tmp_path):
    with pytest.raises(UnknownNameError, match="Did you mean 'doccano'"):
        run(doccano(MARKED), "--output", tmp_path / "rows.jsonl", "--format", "docano")
