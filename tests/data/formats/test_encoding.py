import random

import pytest

from metier.data import iterate, read
from metier.errors import BrokenRowError, CallError, EmptyDataError, UnreadableFileError

CHINESE = "文本,标签\n你好世界，今天天气不错,问候\n再见，朋友们,告别\n"
WESTERN = "text,label\nje préfère le café très noir à l'été,x\nmañana señor niño,y\n"


def put(path, content):
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("encoding", "noted"),
    [
        ("utf-8", False),
        ("utf-8-sig", True),
        ("utf-16", True),
        ("utf-16-le", True),
        ("utf-16-be", True),
        ("gb18030", True),
        ("gbk", True),
    ],
)
def test_the_encoding_is_detected_with_a_note_unless_it_is_utf8(tmp_path, encoding, noted):
    # UTF-16 without a mark is known by the zero bytes of its ASCII.
    text = CHINESE if "16-" not in encoding else "text,label\nwhere is my card,问候\nbye my friends,告别\n"
    rows = read(put(tmp_path / "rows.csv", text.encode(encoding)))
    assert rows.labels == ["问候", "告别"]
    assert any("is read as" in note and "--encoding" in note for note in rows.notes) == noted


def test_western_code_pages_are_read(tmp_path):
    rows = read(put(tmp_path / "rows.csv", WESTERN.encode("cp1252")))
    assert rows.texts[0] == "je préfère le café très noir à l'été"


def test_characters_far_into_a_large_file_are_detected(tmp_path):
    plain = "text,label\n" + "where is my card,x\n" * 80_000
    rows = read(put(tmp_path / "rows.csv", (plain + "你好世界今天天气不错,问候\n" * 3).encode("gb18030")))
    assert rows.texts[len(rows) - 1] == "你好世界今天天气不错"


def test_a_named_encoding_is_used(tmp_path):
    path = put(tmp_path / "rows.csv", WESTERN.encode("latin-1"))
    assert read(path, encoding="latin-1").texts[1] == "mañana señor niño"
    with pytest.raises(CallError, match="no encoding called 'utf9'"):
        read(path, encoding="utf9")
    with pytest.raises(BrokenRowError, match="line 2: this line is not utf-8"):
        read(path, encoding="utf-8")


def test_a_file_that_is_not_in_the_named_encoding_from_its_first_line_on(tmp_path):
    path = put(tmp_path / "rows.csv", CHINESE.encode("gb18030"))
    with pytest.raises(BrokenRowError, match="the file is not in utf-8: its first line is not"):
        read(path, encoding="utf-8")


@pytest.mark.parametrize(("named", "written"), [("utf-16-be", "utf-16-le"), ("utf-16-le", "utf-16-be")])
def test_bytes_in_the_other_order_are_not_read_as_chinese(tmp_path, named, written):
    path = put(tmp_path / "rows.csv", "text,label\nwhere is my card,问候\n".encode(written))
    with pytest.raises(CallError, match=f"not in {named}: .* in the other order.*{written}"):
        read(path, encoding=named)


def test_an_empty_list_is_told_in_a_plain_sentence():
    for attempt in (read, lambda source: list(iterate(source))):
        with pytest.raises(EmptyDataError, match=r"^There are no rows: what was given is empty\."):
            attempt([])


@pytest.mark.parametrize(
    ("encoding", "found"),
    [(name, "no encoding called") for name in ("rot13", "base64", "punycode", "undefined", "utf\0")]
    + [("utf-16", "byte order mark")],
)
def test_a_named_encoding_that_cannot_be_that_of_the_file_is_refused(tmp_path, encoding, found):
    with pytest.raises(CallError, match=found):
        read(put(tmp_path / "rows.csv", WESTERN.encode()), encoding=encoding)


@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl", "rows.txt"])
def test_a_line_in_another_encoding_is_reported(tmp_path, name):
    row = '{"text": "你好世界今天天气不错"}\n' if name.endswith("jsonl") else "你好世界今天天气不错\n"
    head = "" if name != "rows.csv" else "text\n"
    content = (head + row * 40).encode() + row.encode("gb18030") + (row * 10).encode()
    line = 41 + bool(head)
    path = put(tmp_path / name, content)
    for attempt in (read, lambda source: list(iterate(source, batch_rows=5))):
        with pytest.raises(BrokenRowError, match=r"this line is not utf-8.*--encoding") as caught:
            attempt(path)
        assert caught.value.line == line


def test_a_line_of_utf8_among_gb18030_is_reported(tmp_path):
    content = CHINESE.encode("gb18030") * 10 + "再见，朋友们,告别\n".encode()
    with pytest.raises(BrokenRowError, match="this line is UTF-8") as caught:
        read(put(tmp_path / "rows.csv", content))
    assert caught.value.line == 31


def test_bytes_that_are_not_text_are_refused(tmp_path):
    with pytest.raises(UnreadableFileError, match="not text"):
        read(put(tmp_path / "rows.csv", random.Random(0).randbytes(4_000)))
