"""The audit log: a chain over files, workers and kills, which erasing leaves whole."""

import json
import multiprocessing
import os
import resource
import signal
import time

import pytest

from metier.errors import AuditLogError
from metier.serving.guards import audit_log
from metier.serving.guards.audit_chain import files_of, verify_chain
from metier.serving.guards.audit_log import AuditLog
from metier.serving.refusals import RefusalError


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "audit"


@pytest.fixture
def new_log(folder):
    opened = []

    def make(**more):
        opened.append(AuditLog(folder, **{"sync": "never", **more}))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def lines(folder):
    return [json.loads(line) for path in files_of(folder).values() for line in path.read_bytes().splitlines()]


def fill(log, n=10, **facts):
    for number in range(n):
        log.write("request", number=number, **facts)


def test_lines_follow_from_one_another(folder, new_log):
    fill(new_log())
    found = verify_chain(folder)
    assert (found.n_lines, found.n_files, found.fault) == (11, 1, None)
    assert [one["kind"] for one in lines(folder)] == ["begin", *["request"] * 10]
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {
        path.stat().st_mode & 0o777 for path in folder.iterdir() if not path.name.endswith(("-shm", "-wal"))
    } == {0o600}


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda kept: [*kept[:4], kept[4].replace(b'"number":3', b'"number":9'), *kept[5:]], "line 6"),
        (lambda kept: [*kept[:4], *kept[5:]], "line 5"),
        (lambda kept: [*kept[:4], kept[5], kept[4], *kept[6:]], "line 5"),
        (lambda kept: [*kept[:4], kept[4], *kept[4:]], "line 6"),
        (lambda kept: kept[1:], "line 1"),
        (lambda kept: [*kept[:3], b"[]", *kept[3:]], "line 4"),
        (lambda kept: [*kept[:3], b"\xff", *kept[3:]], "line 4"),
    ],
)
def test_a_change_is_found_at_its_line(folder, new_log, change, place):
    fill(new_log())
    [path] = files_of(folder).values()
    path.write_bytes(b"\n".join(change(path.read_bytes().splitlines())) + b"\n")
    assert verify_chain(folder).place == f"audit-000001.jsonl, {place}"


def test_an_end_that_was_cut_is_found_by_a_hash_kept_elsewhere(folder, new_log):
    fill(new_log())
    last = verify_chain(folder).last_hash
    [path] = files_of(folder).values()
    path.write_bytes(b"\n".join(path.read_bytes().splitlines()[:-2]) + b"\n")
    assert verify_chain(folder).fault is None
    assert "cut off" in verify_chain(folder, last=last).fault


def test_files_are_rotated_and_a_missing_one_is_found(folder, new_log):
    fill(new_log(file_bytes=2_000), 60)
    found = verify_chain(folder)
    assert found.fault is None
    assert found.n_files > 3
    second, third = list(files_of(folder).values())[1:3]
    kept = second.read_bytes()
    second.unlink()
    assert verify_chain(folder).place == third.name
    second.write_bytes(kept)
    next(iter(files_of(folder).values())).unlink()
    assert "no line says that their days were over" in verify_chain(folder).fault


def test_files_whose_days_are_over_are_removed_and_the_rest_stays_whole(folder, new_log, monkeypatch):
    monkeypatch.setattr(audit_log, "_now", lambda: "2020-01-01T00:00:00.000+00:00")
    log = new_log(file_bytes=2_000, days=30)
    monkeypatch.undo()
    for path in range(60):
        monkeypatch.setattr(audit_log, "_now", lambda: "2020-01-01T00:00:00.000+00:00")
        log.write("request", path=path)
    monkeypatch.undo()
    fill(new_log(days=30), 3)
    found = verify_chain(folder)
    assert found.fault is None
    assert found.n_removed_files >= 2
    assert [one["days"] for one in lines(folder) if one["kind"] == "retention"] == [30]
    next(iter(files_of(folder).values())).unlink()
    assert not files_of(folder) or verify_chain(folder).fault is not None


def _write(folder, n):
    log = AuditLog(folder, file_bytes=10_000, sync="never")
    fill(log, n, pid=os.getpid())
    log.close()


def test_several_workers_share_one_chain(folder):
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_write, args=(folder, 200)) for _ in range(3)]
    for one in workers:
        one.start()
    for one in workers:
        one.join(60)
    assert verify_chain(folder).fault is None
    written = [one for one in lines(folder) if one["kind"] == "request"]
    assert len(written) == 600
    assert len({one["pid"] for one in written}) == 3


def _write_on(folder, ready):
    log = AuditLog(folder, sync="never", file_bytes=20_000)
    ready.set()
    while True:
        log.write("request", text="x" * 200)


def test_a_killed_writer_leaves_a_chain_that_goes_on(folder):
    context = multiprocessing.get_context("fork")
    for _ in range(5):
        ready = context.Event()
        writer = context.Process(target=_write_on, args=(folder, ready))
        writer.start()
        assert ready.wait(30)
        time.sleep(0.02)
        writer.kill()
        writer.join(30)
    AuditLog(folder, sync="never").close()
    assert verify_chain(folder).fault is None


@pytest.mark.parametrize("torn", [b'{"at":"2026', b"x", b'{"kind":"request"}'])
def test_half_a_line_is_repaired_by_the_next_writer_and_told(folder, new_log, torn):
    log = new_log()
    fill(log, 3)
    [path] = files_of(folder).values()
    with path.open("ab") as file:
        file.write(torn)
    assert "not whole" in verify_chain(folder).fault
    fill(log, 1)  # The one that runs on, too.
    found = verify_chain(folder)
    assert (found.fault, found.n_repairs) == (None, 1)
    assert [one["bytes"] for one in lines(folder) if one["kind"] == "repair"] == [len(torn)]


def test_a_kill_between_two_files_is_repaired(folder, new_log):
    log = new_log(file_bytes=2_000)
    while len(files_of(folder)) < 2:
        fill(log, 1)
    second = files_of(folder)[2]
    for content in (b"", b'{"at"'):
        second.write_bytes(content)
        AuditLog(folder, sync="never").close()
        assert verify_chain(folder).fault is None
    second.unlink()
    AuditLog(folder, sync="never").close()
    assert verify_chain(folder).fault is None


def _fill_up(folder, results):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    log = AuditLog(folder, sync="never")
    resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, 5_000))
    codes = []
    for number in range(100):
        try:
            log.write("request", number=number)
        except RefusalError as refusal:
            codes.append((refusal.status, refusal.code))
    results.put((len(codes), set(codes)))


def test_a_full_disk_refuses_and_leaves_no_half_line(folder):
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    worker = context.Process(target=_fill_up, args=(folder, results))
    worker.start()
    n_refused, codes = results.get(timeout=60)
    worker.join(60)
    assert n_refused > 10
    assert codes == {(503, "audit_full")}
    found = verify_chain(folder)
    assert (found.fault, found.n_repairs, found.n_lines) == (None, 0, 101 - n_refused)


def test_an_erased_subject_is_led_to_by_nothing(folder, new_log):
    log = new_log()
    name, key = log.subject("Zhang Wei 4711")
    assert log.subject(" Zhang Wei 4711") == (name, key)
    log.write("request", subject=name, digest=log.digest(b"a text", key))
    other = log.subject("somebody else")
    assert log.forget("Zhang Wei 4711")
    assert not log.forget("Zhang Wei 4711")
    assert log.subject("somebody else") == other
    assert log.subject("Zhang Wei 4711")[0] != name
    everything = b"".join(path.read_bytes() for path in folder.iterdir())
    assert b"Zhang" not in everything
    assert key not in everything
    assert verify_chain(folder).fault is None


@pytest.mark.parametrize("sync", ["request", "second"])
def test_what_was_written_is_flushed_at_the_end(folder, new_log, sync, monkeypatch):
    flushed = []
    monkeypatch.setattr(audit_log.os, "fsync", flushed.append)
    log = new_log(sync=sync)
    fill(log, 2)
    assert len(flushed) >= (2 if sync == "request" else 0)


def test_a_folder_that_cannot_be_used_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(AuditLogError, match="cannot be used"):
        AuditLog(tmp_path / "file")
    with pytest.raises(AuditLogError, match="There is no audit log"):
        verify_chain(tmp_path / "missing")
