import pytest

from metier.data import read
from metier.errors import BrokenRowError, UnreadableFileError


def put(path, content):
    path.write_text(content, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ('{"text": "a",', "not JSON"),
        ("[1, 2]", "found a list where an object"),
        ('"a"', "found a string"),
        ("3", "found a number"),
        ("null", "found null"),
        ('{"text": ' + "[" * 100_000, "nested too deeply|not JSON"),
        ('{"text": "a", "label": ' + "9" * 6_000 + "}", "an integer with thousands of digits"),
    ],
)
def test_a_broken_line_is_reported(tmp_path, line, found):
    with pytest.raises(BrokenRowError, match=found) as caught:
        read(put(tmp_path / "rows.jsonl", '{"text": "a b", "label": "x"}\n\n' + line + "\n"))
    assert caught.value.line == 3


def test_a_broken_list_is_reported_with_its_line(tmp_path):
    with pytest.raises(BrokenRowError, match="not JSON") as caught:
        read(put(tmp_path / "rows.json", '[\n {"text": "a"},\n {"text" "b"}\n]'))
    assert caught.value.line == 3


@pytest.mark.parametrize("name", ["rows.json", "rows.jsonl"])
@pytest.mark.parametrize("content", ["[" * 100_000, '{"text": ' + "[" * 100_000])
def test_what_python_cannot_parse_is_a_fault_of_the_file(tmp_path, name, content):
    with pytest.raises(BrokenRowError, match="nested too deeply"):
        read(put(tmp_path / name, content))


def test_an_item_that_is_not_an_object_is_reported(tmp_path):
    with pytest.raises(UnreadableFileError, match="item 2 of the list is a string"):
        read(put(tmp_path / "rows.json", '[{"text": "a"}, "b"]'))


def test_line_separators_inside_a_text_do_not_end_it(tmp_path):
    rows = read(put(tmp_path / "rows.jsonl", '{"text": "a\u2028b\u0085c", "label": "x"}\n'))
    assert rows.texts[0] == "a\u2028b\u0085c"


def test_keys_that_come_late_are_null_before(tmp_path):
    rows = read(put(tmp_path / "rows.jsonl", '{"text": "a b"}\n{"text": "c", "label": "x"}\n'))
    assert rows.column("label") == [None, "x"]


def test_one_line_with_a_list_is_a_row_of_json_lines(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "Ada lived.", "spans": [[0, 3, "PER"]]}')
    assert read(path).values("spans") == [[[0, 3, "PER"]]]
