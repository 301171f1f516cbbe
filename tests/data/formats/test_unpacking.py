"""A small file that unpacks to very much is refused before it fills the memory."""

import gzip
import zipfile
import zlib

import pytest

from metier.data import read
from metier.data.formats import unpacking
from metier.data.formats.unpacking import check_zlib, most_unpacked
from metier.data.reading import iterate
from metier.errors import UnreadableFileError

REFUSED = "unpacks to more than 100 times as many"


@pytest.fixture
def little_memory(monkeypatch):
    monkeypatch.setattr(unpacking, "MEMORY_FRACTION", 0)


@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize(
    "name", ["rows.csv.gz", "rows.jsonl.gz", "rows.json.gz", "rows.txt.gz", "rows.conll.gz"]
)
def test_a_gzip_bomb(name, tmp_path):
    path = tmp_path / name
    path.write_bytes(gzip.compress(b"[" + b" " * 3_000_000))
    for reading in (read, lambda source: list(iterate(source))):
        with pytest.raises(UnreadableFileError, match=REFUSED):
            reading(path)


@pytest.mark.usefixtures("little_memory")
def test_a_workbook_that_is_a_bomb(tmp_path):
    pytest.importorskip("openpyxl")
    with zipfile.ZipFile(tmp_path / "rows.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/sharedStrings.xml", b" " * 3_000_000)
    with pytest.raises(UnreadableFileError, match=REFUSED):
        read(tmp_path / "rows.xlsx")


@pytest.mark.usefixtures("little_memory")
def test_a_zlib_bomb():
    with pytest.raises(UnreadableFileError, match=REFUSED):
        check_zlib(zlib.compress(bytes(3_000_000)), origin="rows.spacy")
    check_zlib(zlib.compress(b"text"), origin="rows.spacy")
    check_zlib(b"no zlib", origin="rows.spacy")


def test_well_packed_rows_are_read(tmp_path):
    path = tmp_path / "rows.csv.gz"
    path.write_bytes(gzip.compress(b"text,label\n" + b"the same,a\nother,b\n" * 20_000))
    assert len(read(path)) == 40_000
    assert most_unpacked(1_000) > 1_000_000
