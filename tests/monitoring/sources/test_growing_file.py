"""A growing file is read once and whole, whatever its writer, its rotation and its lines do to it."""

import gzip
import itertools
import json
import os
import shutil
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from metier.errors import SourceError
from metier.monitoring.sources import build_source
from metier.monitoring.sources.growing_file import FileSettings
from tests.source_reading import Reading


def line(number, **more):
    return json.dumps(
        {"id": number, "text": f"text {number}", "time": f"2026-05-01T10:00:{number:02}Z", **more}
    )


def reading(path, **more):
    return Reading(build_source(FileSettings(path=path, settle_seconds=1000, **more)))


def test_a_half_written_line_waits_for_its_end(tmp_path):
    path = tmp_path / "reviews.jsonl"
    path.write_text(line(1) + "\n" + line(2)[:20])
    read = reading(path)
    assert read() == ["text 1"]
    assert read() == []
    with path.open("a") as stream:
        stream.write(line(2)[20:] + "\n")
    assert read() == ["text 2"]
    assert not read.refused


def test_a_whole_last_object_needs_no_line_end(tmp_path):
    path = tmp_path / "reviews.jsonl"
    path.write_text(line(1))
    read = reading(path)
    assert read() == ["text 1"]
    with path.open("a") as stream:
        stream.write("\n" + line(2) + "\n")
    assert read() == ["text 2"]


def test_a_last_line_of_csv_counts_when_the_file_is_left_alone(tmp_path):
    path = tmp_path / "reviews.csv"
    path.write_text("id,text,time\n1,good,2026-05-01")
    read = reading(path)
    assert read() == []
    os.utime(path, (time.time() - 2000,) * 2)
    assert read() == ["good"]


@pytest.mark.parametrize("rotated", ["reviews.jsonl.1", "reviews.jsonl-20260501", "reviews.jsonl.1.gz"])
def test_a_rotated_file_is_read_to_its_end_first(tmp_path, rotated):
    path, old = tmp_path / "reviews.jsonl", tmp_path / rotated
    path.write_text(line(1) + "\n")
    read = reading(path)
    assert read() == ["text 1"]
    with path.open("a") as stream:
        stream.write(line(2) + "\n")
    if rotated.endswith(".gz"):
        old.write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    else:
        path.rename(old)
    path.write_text("")
    assert read() == ["text 2"]
    path.write_text(line(3) + "\n")
    assert read() == ["text 3"]
    assert not read.refused


def test_several_rotations_between_two_readings(tmp_path):
    path = tmp_path / "reviews.jsonl"
    read = reading(path)
    path.write_text(line(1) + "\n")
    read()
    for number in range(2, 5):
        with path.open("a") as stream:
            stream.write(line(10 * number) + "\n")
        path.rename(tmp_path / f"reviews.jsonl.{10 - number}")
        os.utime(tmp_path / f"reviews.jsonl.{10 - number}", (1e9 + number, 1e9 + number))
        path.write_text(line(number) + "\n")
    assert read() == [f"text {number}" for number in (20, 2, 30, 3, 40, 4)]
    assert not read.refused


def test_copied_and_truncated(tmp_path):
    path = tmp_path / "reviews.jsonl"
    path.write_text(line(1) + "\n" + line(2) + "\n")
    read = reading(path)
    read()
    with path.open("a") as stream:
        stream.write(line(3) + "\n")
    shutil.copy(path, tmp_path / "reviews.jsonl.1")
    with path.open("r+") as stream:
        stream.truncate(0)
        stream.write(line(4) + "\n")
    assert read() == ["text 3", "text 4"]
    assert not read.refused


@pytest.mark.parametrize("is_replaced", [True, False])
def test_what_was_lost_with_a_file_is_told(tmp_path, is_replaced):
    path = tmp_path / "reviews.jsonl"
    path.write_text(line(1) + "\n" + line(2) + "\n")
    read = reading(path)
    read()
    if is_replaced:
        path.rename(tmp_path / "elsewhere")
    path.write_text(line(3) + "\n")
    assert read() == ["text 3"]
    assert len(read.refused) == 1
    assert ("was replaced by another file" if is_replaced else "was truncated") in read.refused[0].reason
    assert read() == []


def test_a_rewritten_file_gives_the_same_ids(tmp_path):
    path = tmp_path / "reviews.jsonl"
    path.write_text("".join(f'{{"text": "{word}", "time": 1777629600}}\n' for word in ("one", "two")))
    read = reading(path)
    read()
    path.write_text("".join(f'{{"text": "{word}", "time": 1777629600}}\n' for word in ("zero", "one", "two")))
    assert read() == ["zero", "one", "two"]
    assert len({message.id for message in read.messages}) == 3


def test_two_lines_alike_without_id_and_time_are_two(tmp_path):
    path = tmp_path / "chat.txt"
    path.write_text("ok\nok\n")
    read = reading(path, columns={"time": None})
    assert read() == ["ok", "ok"]
    assert len({message.id for message in read.messages}) == 2


def test_ten_megabytes_in_a_line_are_refused_with_their_place(tmp_path):
    path = tmp_path / "reviews.jsonl"
    path.write_text(line(1) + "\n" + line(2, more="x" * 10_000_000) + "\n" + line(3) + "\n")
    read = reading(path)
    assert read() == ["text 1", "text 3"]
    (refused,) = read.refused
    assert "line 2" in refused.place
    assert "1,000,000 are read at most" in refused.reason
    assert len(refused.excerpt) <= 200


def test_broken_lines_are_refused_one_by_one(tmp_path):
    path = tmp_path / "reviews.jsonl"
    broken = [b'{"id": 1, "text": "caf\xe9"}', b"[1]", b"{nothing", b'{"text": "\\ud800", "time": 1}']
    broken += [b'{"id": 2, "time": 0}', b'{"text": " ", "time": 0}', b"[" * 100_000]
    broken += [b'{"text": "a", "time": "tomorrow"}', b'{"text": "a", "time": "0001-01-01"}']
    path.write_bytes(b"\xef\xbb\xbf" + line(7).encode() + b"\n" + b"\n".join(broken) + b"\n\n")
    read = reading(path)
    assert read() == ["text 7"]
    assert len(read.refused) == len({refused.place for refused in read.refused}) == len(broken)
    assert all(f"line {number}" in one.place for number, one in enumerate(read.refused, start=2))
    assert "0xe9, which is not utf-8" in read.refused[0].reason


def test_other_encodings(tmp_path):
    path = tmp_path / "reviews.csv"
    path.write_bytes("id;text;time\n1;很好；真的;2026-05-01 10:00\n".encode("gb18030"))
    read = reading(path, encoding="gb18030", zone="Asia/Shanghai")
    assert read() == ["很好；真的"]
    assert read.messages[0].at == datetime(2026, 5, 1, 2, tzinfo=UTC)
    path.write_bytes("id,text\n".encode("utf-16"))
    with pytest.raises(SourceError, match="iconv"):
        reading(path)()
    with pytest.raises(ValidationError, match="several bytes"):
        FileSettings(path=path, encoding="utf-16")


def test_quoted_line_ends_of_csv(tmp_path):
    path = tmp_path / "reviews.csv"
    rows = ["id,text,time", '1,"two', 'lines",2026-05-01', '2,5" pipe,2026-05-01', "3,a,b,c", '4,"open']
    path.write_text("\n".join(rows) + "\n")
    read = reading(path)
    assert read() == ["two\nlines", '5" pipe']
    assert "4 cells, and the header has 3" in read.refused[0].reason
    with path.open("a") as stream:
        stream.write(
            'closed",2026-05-02\n'
            + '5,"never closed,1\n'
            + "".join(f"{n},x,2026-05-03\n" for n in range(6, 706))
        )
    assert read() == ["open\nclosed"] + ["x"] * 700
    assert "never closed" in read.refused[-1].reason


def test_a_missing_file_says_so_and_is_read_when_it_comes(tmp_path):
    path = tmp_path / "reviews.jsonl"
    read = reading(path)
    with pytest.raises(SourceError, match=r"reviews\.jsonl cannot be read"):
        read()
    path.write_text(line(1) + "\n")
    assert read() == ["text 1"]
    path.unlink()
    with pytest.raises(SourceError):
        read()
    path.write_text(line(1) + "\n" + line(2) + "\n")
    assert read() == ["text 2"]


def test_batches_are_bounded(tmp_path):
    path = tmp_path / "reviews.jsonl"
    path.write_text("".join(line(number % 60, id=number) + "\n" for number in range(25)))
    batches = list(build_source(FileSettings(path=path, batch_messages=10)).read(None))
    assert [len(batch.messages) for batch in batches] == [10, 10, 5]


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)


@settings(max_examples=60, deadline=None)
@given(
    texts=st.lists(TEXTS.filter(str.strip), max_size=8),
    cuts=st.lists(st.integers(0, 400)),
    form=st.sampled_from(["jsonl", "csv"]),
)
def test_however_it_is_written_each_message_comes_once(tmp_path_factory, texts, cuts, form):
    path = tmp_path_factory.mktemp("cuts") / f"reviews.{form}"
    quoted = ['"' + text.replace('"', '""') + '"' for text in texts]
    rows = [json.dumps({"text": text, "time": 0, "id": n}, ensure_ascii=False) for n, text in enumerate(texts)]
    if form == "csv":
        rows = ["id,text,time", *(f"{n},{text},{1e9}" for n, text in enumerate(quoted))]
    content = "".join(row + "\n" for row in rows).encode()
    path.write_bytes(b"")
    read = reading(path)
    cuts = [0, *sorted(min(cut, len(content)) for cut in cuts), len(content)]
    for start, end in itertools.pairwise(cuts):
        with path.open("ab") as stream:
            stream.write(content[start:end])
        read()
    assert [message.text for message in read.messages] == texts
    assert not read.refused
