import pytest

from metier.data import iterate, read
from metier.data.formats.csv import MOST_FIELD_CHARACTERS
from metier.errors import BrokenRowError, CallError


def put(path, content):
    path.write_text(content, encoding="utf-8", newline="")
    return path


@pytest.mark.parametrize(("delimiter", "called"), [(";", "semicolon"), ("\t", "tab"), ("|", "bar")])
def test_the_delimiter_is_detected_with_a_note(tmp_path, delimiter, called):
    lines = [("text", "label"), ("yes, sir, I can", "x"), ('"a, b"', "y")]
    path = put(tmp_path / "rows.csv", "".join(delimiter.join(line) + "\n" for line in lines))
    rows = read(path)
    assert rows.labels == ["x", "y"]
    assert any(f"delimited by {called} (--delimiter)" in note for note in rows.notes)


def test_commas_and_tabs_need_no_note(tmp_path):
    assert not any("delimited" in note for note in read(put(tmp_path / "a.csv", "text,label\na b;c,x\n")).notes)
    assert not any("delimited" in note for note in read(put(tmp_path / "a.tsv", "text\tlabel\na,b\tx\n")).notes)


def test_a_named_delimiter_is_used(tmp_path):
    path = put(tmp_path / "rows.csv", "text~label\na, b~x\n")
    assert read(path, delimiter="~").labels == ["x"]
    assert read(put(tmp_path / "t.csv", "text\tlabel\na, b\tx\n"), delimiter="\\t").labels == ["x"]
    with pytest.raises(CallError, match="one character"):
        read(path, delimiter="~~")


def test_one_column_is_enough(tmp_path):
    assert list(read(put(tmp_path / "rows.csv", "message\nhello there\nbye\n")).texts) == ["hello there", "bye"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_kind_of_line_end(tmp_path, end):
    assert read(put(tmp_path / "rows.csv", end.join(["text,label", "a b,x", "", "c,y"]))).labels == ["x", "y"]


@pytest.mark.parametrize(
    ("rows", "line", "found"),
    [
        ("hello, there,x\nbye,y\n", 2, "found 3 fields where the header has 2"),
        ("a,x\n\nb\n", 4, "found 1 field "),
        ('"two\nlines",x\nb,y,z\n', 4, "found 3 fields"),
        ('a,x\n"never closed,y\nc,z\n', 3, "never closed"),
        ('a,x\n"said" he,y\nc,z\n', 3, "between a closing quote"),
        ('a,x\n"opened,y\nc,z\n"closed" here,w\n', 3, "ends on line 5"),
    ],
)
def test_a_broken_row_is_reported_with_its_line(tmp_path, rows, line, found):
    path = put(tmp_path / "rows.csv", "text,label\n" + rows)
    for attempt in (read, lambda source: list(iterate(source, batch_rows=1))):
        with pytest.raises(BrokenRowError, match=found) as caught:
            attempt(path)
        assert caught.value.line == line
        assert "quote" in str(caught.value)


def test_two_columns_of_one_name_are_refused(tmp_path):
    with pytest.raises(BrokenRowError, match="line 1: two columns are named 'text'"):
        read(put(tmp_path / "rows.csv", "text,text\na,b\n"))


def test_the_row_numbers_of_a_spreadsheet_get_a_name(tmp_path):
    rows = read(put(tmp_path / "rows.csv", ",text,label\n0,a b,x\n"))
    assert rows.table.column_names == ["column_1", "text", "label"]


def test_a_text_of_a_megabyte_is_one_text(tmp_path):
    rows = read(put(tmp_path / "rows.csv", f"text,label\n{'word ' * 200_000},x\nb,y\n"))
    assert len(rows.texts[0]) == 1_000_000
    assert rows.labels == ["x", "y"]


def test_a_text_that_is_too_long_is_called_that_and_no_open_quote(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_bytes(b"text,label\nb,y\n" + b"a" * (MOST_FIELD_CHARACTERS + 1) + b",x\n")
    with pytest.raises(BrokenRowError, match="line 3: a field of this row has more than 64,000,000 characters"):
        read(path)


def test_emoji_and_zero_bytes_are_text(tmp_path):
    assert list(read(put(tmp_path / "rows.csv", "text,label\n😀🎉,x\na\x00b,y\n")).texts) == ["😀🎉", "a\x00b"]
