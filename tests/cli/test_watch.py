"""`metier watch run`, `status`, `export` and `init`, and `metier erase --watch`."""

import csv
import json
import os
import signal
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pyarrow.parquet as pq
import pytest
import yaml

from metier.cli.program import run
from metier.monitoring.store.watch_store import WatchStore

START = datetime(2026, 3, 2, tzinfo=UTC)


def posts(folder, texts, **more):
    lines = [
        {
            "id": number,
            "text": text,
            "time": (START + timedelta(hours=number)).isoformat(),
            "company": ("Acme", "Bolt")[number % 2],
            "author": f"author {number % 5}",
        }
        for number, text in enumerate(texts)
    ]
    (folder / "posts.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    columns = {"subject": "author", "by": {"company": "company"}}
    settings = {
        "sources": [{"kind": "file", "path": "posts.jsonl", "columns": columns, "batch_messages": 20}],
        "by": ["company"],
        **more,
    }
    (folder / "watch.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    return str(folder / "watch.yaml")


@pytest.fixture(scope="module")
def texts(small_runs):
    with (small_runs / "en-test.csv").open(encoding="utf-8", newline="") as file:
        return [row["message"] for row in csv.DictReader(file)]


def facts(capsys, *args):
    assert run([*args, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_file_is_watched_answered_counted_and_gone_on_with(small_runs, texts, tmp_path, capsys):
    bundles = {"topic": str(small_runs / "runs" / "en")}
    settings = posts(tmp_path, texts[:40], bundles=bundles, by=[["company", "topic"]])
    done = facts(capsys, "watch", "run", settings, "--once")
    assert (done["messages"], done["periods"]) == (40, 2)
    posts(tmp_path, texts[:60], bundles=bundles, by=[["company", "topic"]])
    assert facts(capsys, "watch", "run", settings, "--once")["messages"] == 20
    told = facts(capsys, "watch", "status", settings)
    assert told["messages"] == 60
    assert len(told["versions"]["topic"]) == 12
    output = str(tmp_path / "messages.parquet")
    assert facts(capsys, "watch", "export", settings, "--output", output)["rows"] == 60
    rows = pq.read_table(output).to_pylist()
    assert {row["topic_version"] for row in rows} == {told["versions"]["topic"]}
    labels = [row["topic_label"] for row in rows]
    counts = str(tmp_path / "counts.parquet")
    facts(capsys, "watch", "export", settings, "--output", counts, "--counts")
    counted = pq.read_table(counts).to_pylist()
    by_label = {
        label: sum(
            row["messages"] + row["late"] for row in counted if json.loads(row["series"]).get("topic") == label
        )
        for label in set(labels)
    }
    assert by_label == {label: labels.count(label) for label in set(labels)}


def test_what_is_said_in_both_languages(texts, tmp_path, capsys):
    settings = posts(tmp_path, texts[:30])
    assert run(["watch", "run", settings, "--once"]) == 0
    assert "30 messages stored, " in capsys.readouterr().out
    assert run(["watch", "status", settings, "--lang", "zh"]) == 0
    said = capsys.readouterr().out
    assert "30 条消息" in said
    assert "最新消息" in said


def test_status_says_what_was_refused_and_why_in_both_languages(texts, tmp_path, capsys):
    settings = posts(tmp_path, texts[:30])
    with (tmp_path / "posts.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"id": "broken", "text": \n' + json.dumps({"id": "no time", "text": "when?"}) + "\n")
    assert run(["watch", "run", settings, "--once"]) == 0
    capsys.readouterr()
    told = facts(capsys, "watch", "status", settings)
    assert (told["refused"], len(told["refused_latest"])) == (2, 2)
    assert {one["source"] for one in told["refused_latest"]} == {"file"}
    assert "it is not JSON at column 25" in told["refused_latest"][1]["reason"]
    for language in ("en", "zh"):
        assert run(["watch", "status", settings, "--lang", language]) == 0
        said = capsys.readouterr().out
        lines = [line for line in said.splitlines() if line.startswith("!")]
        assert len(lines) == 2
        named = "line {}: " if language == "en" else "第 {} 行："
        assert [line.count(named.format(number)) for line, number in zip(lines, (32, 31), strict=True)] == [
            1,
            1,
        ]
        assert (told["refused_latest"][0]["reason"] in said) == (language == "en")
        assert "metier watch brief" in said


def test_a_source_that_is_missing_is_said_and_the_exit_code_tells(texts, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("metier.monitoring.turns.FIRST_WAIT_SECONDS", 0.01)
    settings = posts(tmp_path, texts[:3])
    (tmp_path / "posts.jsonl").unlink()
    assert run(["watch", "run", settings, "--once"]) == 1
    assert "cannot be read" in capsys.readouterr().err


def test_a_person_is_erased(texts, tmp_path, capsys):
    settings = posts(tmp_path, texts[:30])
    assert run(["watch", "run", settings, "--once"]) == 0
    capsys.readouterr()
    store = str(tmp_path / "watch.sqlite")
    assert facts(capsys, "erase", "--subject", "author 3", "--watch", store)["messages"] == 6
    assert run(["erase", "--subject", "author 3", "--watch", store]) == 0
    assert "nothing of the subject" in capsys.readouterr().out
    assert facts(capsys, "watch", "status", settings)["messages"] == 24
    assert run(["erase", "--subject", "author 3", "--watch", str(tmp_path / "none.sqlite")]) == 2


@pytest.mark.parametrize("language", ["en", "zh"])
def test_settings_are_written_and_run(tmp_path, capsys, language):
    path = tmp_path / "watch.yaml"
    assert run(["watch", "init", str(path), "--lang", language]) == 0
    (tmp_path / "posts.jsonl").write_text('{"id": 1, "text": "hello there", "time": "2026-03-01T10:00Z"}\n')
    assert str(path) in capsys.readouterr().out
    assert facts(capsys, "watch", "run", str(path), "--once")["messages"] == 1
    assert run(["watch", "init", str(path)]) == 2


def test_sigterm_ends_after_the_batch_and_no_message_is_lost(texts, tmp_path):
    settings = posts(tmp_path, [f"{text} {n:x}" for n, text in enumerate(texts * 3)])
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "metier", "watch", "run", settings, "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        assert b"watching" in process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    stored = json.loads(out)["messages"]
    store = WatchStore(tmp_path / "watch.sqlite")
    assert store.figures()["messages"] == stored
    store.close()


def test_a_store_that_counts_by_days_is_not_taken_for_hours(texts, tmp_path, capsys):
    settings = posts(tmp_path, texts[:30])
    facts(capsys, "watch", "run", settings, "--once")
    posts(tmp_path, texts[:40], period="hour")
    for command in (["run", settings, "--once"], ["status", settings]):
        assert run(["watch", *command]) == 2
        assert "counts by the day" in capsys.readouterr().err
    posts(tmp_path, texts[:40])
    assert facts(capsys, "watch", "run", settings, "--once")["messages"] == 10


def test_the_database_of_another_program_is_no_store(tmp_path, capsys):
    settings = posts(tmp_path, ["one"], store="other.sqlite")
    with sqlite3.connect(tmp_path / "other.sqlite") as connection:
        connection.execute("create table notes (said)")
    connection.close()
    before = (tmp_path / "other.sqlite").read_bytes()
    for command in (["status"], ["alarms"], ["export", "--output", str(tmp_path / "x.parquet")]):
        assert run(["watch", command[0], settings, *command[1:]]) == 2
        assert "holds no store of a watch" in capsys.readouterr().err
    assert (tmp_path / "other.sqlite").read_bytes() == before


def test_a_brief_since_ever_and_one_without_a_name(texts, tmp_path, capsys):
    settings = posts(tmp_path, texts[:30])
    facts(capsys, "watch", "run", settings, "--once")
    output = str(tmp_path / "brief.html")
    assert (
        facts(capsys, "watch", "brief", settings, "--output", output, "--since", "0001-01-01")["since"][:4]
        == "1970"
    )
    assert run(["watch", "brief", settings, "--output", ""]) == 2
    assert "is a folder" in capsys.readouterr().err
