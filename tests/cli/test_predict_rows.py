"""What `metier predict` does with rows that cannot be asked, and with cells that a spreadsheet would run."""

import csv
import json
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from metier.cli import program

SEALED = Path(__file__).parents[1] / "bundles" / "sealed_71959d8"
# A bundle whose questions have two parts, their columns, and a row that lacks one.
TWO_PARTS = [
    ("passage_phrase.v1", {"question": "Who came?", "context": "Ann came."}, "context"),
    ("pair_linear.v1", {"text": "Who came?", "text_pair": "Ann came."}, "text_pair"),
    ("pair_linear.v1", {"text": "Who came?", "text_pair": "Ann came."}, "text"),
]


@pytest.fixture
def ask(capsys, tmp_path, monkeypatch):
    """Run the command on a sealed bundle; give its exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)  # A crash file would land here.

    def _ask(name, *args):
        code = program.run(["predict", str(SEALED / name), *map(str, args)])
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return _ask


def write_csv(path, records):
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(records[0]))
        writer.writeheader()
        writer.writerows(records)


def read_csv(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write_lines(path, records):
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records), encoding="utf-8")
    return path


def write_parquet(path, records):
    pq.write_table(pa.Table.from_pylist(records), path)


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize(("name", "row", "missing"), TWO_PARTS)
def test_a_row_without_a_part_has_no_answer_and_the_others_have(
    name, row, missing, ending, ask, tmp_path, monkeypatch
):
    monkeypatch.setattr("metier.cli.answered_files.BATCH_ROWS", 7)
    writers = {"csv": write_csv, "jsonl": write_lines, "parquet": write_parquet}
    blank = "" if ending == "csv" else None
    records = [{"id": str(number), **row} for number in range(50)]
    records[44] |= {missing: blank}
    records[49] |= {missing: " "}
    source, output = tmp_path / f"in.{ending}", tmp_path / "out.jsonl"
    writers[ending](source, records)
    code, out, _ = ask(name, "--input", source, "--output", output)
    assert code == 0
    assert "not answered: 2 rows; not_answered says why" in out
    found = [json.loads(line) for line in output.read_text("utf-8").splitlines()]
    assert [one["id"] for one in found] == [one["id"] for one in records]
    reasons = {number: one["not_answered"] for number, one in enumerate(found) if one["not_answered"]}
    assert reasons == dict.fromkeys([44, 49], f"{missing!r} is empty")
    assert found[44]["answered_by"] is found[44]["probability"] is None
    assert all(one["answered_by"] for number, one in enumerate(found) if number not in reasons)


def test_a_broken_value_is_found_before_the_first_answer(ask, tmp_path, monkeypatch):
    monkeypatch.setattr("metier.cli.answered_files.BATCH_ROWS", 7)
    monkeypatch.setattr("metier.bundles.loading.Bundle.predict", lambda *_: pytest.fail("answered"))
    row = {"text": "Acme bought Bolt", "head": [0, 4], "tail": [12, 16]}
    source = tmp_path / "in.jsonl"
    write_lines(source, [row] * 10 + [row | {"tail": [12, 99]}])
    code, _, err = ask("relation_linear.v1", "--input", source, "--output", tmp_path / "out.jsonl")
    assert code == 1
    assert "row 11, column 'tail'" in err


def test_formulas_are_written_as_texts_where_that_is_wished(ask, tmp_path):
    texts = ["=1+2", "+cmd", "-x", "@sum", "\tx", "＝1+2", "\n=1", "-3.5", "hello"]
    source, output = (
        write_lines(tmp_path / "in.jsonl", [{"text": text} for text in texts]),
        tmp_path / "out.csv",
    )
    assert ask("linear.v1", "--input", source, "--output", output)[0] == 0
    assert [row["text"] for row in read_csv(output)] == texts
    assert ask("linear.v1", "--input", source, "--output", output, "--overwrite", "--safe-csv")[0] == 0
    safe = [row["text"] for row in read_csv(output)]
    assert safe == ["'=1+2", "'+cmd", "'-x", "'@sum", "'\tx", "'＝1+2", "'\n=1", "-3.5", "hello"]
    assert (
        "Leave --safe-csv out"
        in ask("linear.v1", "--input", source, "--output", tmp_path / "o.jsonl", "--safe-csv")[2]
    )


def test_a_workbook_holds_texts_and_no_formulas(ask, tmp_path):
    source = write_lines(tmp_path / "in.jsonl", [{"text": "=1+2", "=a": "#N/A"}])
    assert ask("linear.v1", "--input", source, "--output", tmp_path / "out.xlsx")[0] == 0
    sheet = openpyxl.load_workbook(tmp_path / "out.xlsx").active
    assert [cell.data_type for row in sheet.iter_rows(max_col=2) for cell in row] == ["s"] * 4
    assert [cell.value for cell in sheet[2]][:2] == ["=1+2", "#N/A"]
