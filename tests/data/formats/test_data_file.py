import gzip

import pytest

from metier.data import read
from metier.errors import EmptyDataError, UnreadableFileError

ROWS = b"text,label\nwhere is my card,x\n"


def put(path, content):
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("rows.csv", b"PAR1\x00\x00", "it is Parquet. Rename it to end in .parquet"),
        ("rows.csv", gzip.compress(ROWS, mtime=0), "it is gzip. Rename it to end in .gz"),
        ("rows.csv", b"PK\x03\x04\x00", "Excel workbook"),
        ("rows.tsv", b"\xd0\xcf\x11\xe0\x00", "old Office"),
        ("rows.csv", b"%PDF-1.7", "PDF"),
        ("rows.csv", b"\xef\xbb\xbf\n <!DOCTYPE HTML><html>", "web page"),
        ("rows.jsonl", b"<html><body>please log in", "web page"),
        ("rows.csv", b'{"text": "a", "label": "x"}\n', "holds JSON"),
        ("rows.jsonl", ROWS, "is not JSON"),
        ("rows.parquet", ROWS, "it is not Parquet"),
        ("rows.parquet", b"PAR1" + b"\x00" * 40, "broken Parquet"),
        ("rows.csv.gz", ROWS, "it is not gzip"),
        ("rows.csv.gz", gzip.compress(ROWS * 9_000, mtime=0)[:-20], "ends too early"),
        ("rows.jsonl.gz", gzip.compress(b'{"text": "a b"}\n' * 9_000, mtime=0)[:-20], "ends too early"),
        ("rows.parquet.gz", gzip.compress(b"PAR1" * 9_000, mtime=0)[:-20], "ends too early"),
        ("rows.xls", b"PK\x03\x04\x00", "ends in '.xls'; expected .csv.*Excel workbook"),
        ("rows.xlsx", b"\xd0\xcf\x11\xe0", "named .xlsx, but .*old Office document"),
        ("rows.xlsx", b"PK\x03\x04\x00", "is a broken workbook"),
        ("rows", ROWS, "no ending that names a format"),
    ],
)
def test_a_file_whose_content_does_not_fit_its_name(tmp_path, name, content, what):
    with pytest.raises(UnreadableFileError, match=what) as caught:
        read(put(tmp_path / name, content))
    assert str(tmp_path / name) in str(caught.value)


def test_the_error_of_a_missing_file_lists_the_folder(tmp_path):
    put(tmp_path / "train.csv", ROWS)
    with pytest.raises(UnreadableFileError, match=r"no file .*tain\.csv.*holds: train\.csv"):
        read(tmp_path / "tain.csv")


def test_an_empty_file_is_an_error_whatever_its_name(tmp_path):
    with pytest.raises(EmptyDataError, match="0 bytes"):
        read(put(tmp_path / "rows.parquet", b""))


def test_suffixes_ignore_case(tmp_path):
    assert read(put(tmp_path / "ROWS.CSV", ROWS)).labels == ["x"]


def test_dots_in_the_name_do_not_matter(tmp_path):
    assert read(put(tmp_path / "v1.2.rows.csv", ROWS)).labels == ["x"]
