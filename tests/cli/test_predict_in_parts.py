"""What `--on ray` does beside Ray: parts are cut, answered in any order, twice where a worker died, and joined."""

import builtins
import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from metier.bundles import load_bundle
from metier.cli import cut_files, on_ray, program
from metier.cli.answered_files import Kept, Wanted
from metier.cli.cut_files import answer_in_parts, answer_part
from metier.errors import CallError, InUseError
from metier.storage import parts_of

BUNDLE = Path(__file__).parents[1] / "bundles" / "sealed_71959d8" / "linear.v1"
ROWS = 95
COLUMNS = {"text": "text", "encoding": None, "delimiter": None}
CALL = {"--input": "rows.csv"}


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(cut_files, "PART_ROWS", 20)
    monkeypatch.setattr(cut_files, "BATCH_ROWS", 10)


@pytest.fixture(scope="module")
def model():
    return load_bundle(BUNDLE)


@pytest.fixture
def rows(tmp_path):
    path = tmp_path / "rows.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "id"), *((f"my card {n}\nnever came", n) for n in range(ROWS))])
    return path


def backwards(model, *, twice=False, most=None):
    """Answer parts the last one first; `most`: and die after so many."""

    def answer(job, parts):
        done = 0
        for number, part in enumerate(reversed(parts)):
            if number == most:
                raise KeyboardInterrupt
            for _ in range(2 if twice else 1):
                rows = answer_part(model, job, part)
            done += rows
            yield done

    return answer


def in_parts(model, rows, output, answer, **kept):
    how = {"columns": COLUMNS, "wanted": Wanted(), "kept": Kept(call=CALL, **kept)}
    return answer_in_parts(model, BUNDLE, rows, output, answer=answer, **how)


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl", "out.jsonl.gz", "out.parquet"])
def test_parts_become_the_file_that_one_process_writes(name, model, rows, tmp_path):
    alone, output = tmp_path / f"alone.{name}", tmp_path / name
    args = ["predict", str(BUNDLE), "--input", str(rows), "--output", str(alone), "--text", "text"]
    assert program.run(args) == 0
    facts = in_parts(model, rows, output, backwards(model, twice=True))
    assert facts["rows"] == sum(facts["answered_by"].values()) == ROWS
    if name.endswith(".parquet"):
        assert pq.read_table(output).equals(pq.read_table(alone))
    elif not name.endswith(".gz"):
        assert output.read_bytes() == alone.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["rows.csv", alone.name, name])


def test_a_call_that_died_is_gone_on_with_and_answers_the_rest_alone(model, rows, tmp_path):
    output, asked = tmp_path / "out.jsonl", []
    with pytest.raises(KeyboardInterrupt):
        in_parts(model, rows, output, backwards(model, most=2))
    with pytest.raises(CallError, match="parts of it are done"):
        in_parts(model, rows, output, backwards(model))

    def answer(job, parts):
        asked.extend(parts)
        return backwards(model)(job, parts)

    facts = in_parts(model, rows, output, answer, resume=True)
    assert asked == [0, 1, 2]
    assert facts["resumed_after"] == 35  # The last two parts, of which one is short.
    numbers = [json.loads(line)["id"] for line in output.read_text("utf-8").splitlines()]
    assert numbers == [str(n) for n in range(ROWS)]


def test_a_call_that_died_while_it_cut_begins_anew(model, rows, tmp_path, monkeypatch):
    output = tmp_path / "out.jsonl"

    def fail(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(cut_files, "_write_job", fail)
        with pytest.raises(KeyboardInterrupt):
            in_parts(model, rows, output, backwards(model))
    assert in_parts(model, rows, output, backwards(model), resume=True)["rows"] == ROWS


def test_another_call_does_not_go_on_and_a_file_that_is_there_stays(model, rows, tmp_path):
    output = tmp_path / "out.jsonl"
    with pytest.raises(KeyboardInterrupt):
        in_parts(model, rows, output, backwards(model, most=2))
    other = Kept(resume=True, call={"--input": "others.csv"})
    with pytest.raises(CallError, match="begun otherwise: --input is another now"):
        answer_in_parts(
            model, BUNDLE, rows, output, answer=backwards(model), columns=COLUMNS, wanted=Wanted(), kept=other
        )
    assert in_parts(model, rows, output, backwards(model), overwrite=True)["rows"] == ROWS
    with pytest.raises(CallError, match="exists already"):
        in_parts(model, rows, output, backwards(model))
    with pytest.raises(CallError, match="what is there is whole"):
        in_parts(model, rows, output, backwards(model), resume=True)
    assert not parts_of(output.with_name("out.jsonl.ray")).exists()


def test_one_process_works_on_a_file(model, rows, tmp_path):
    output = tmp_path / "out.jsonl"

    def answer(job, parts):
        with pytest.raises(InUseError):
            in_parts(model, rows, output, backwards(model), resume=True)
        return backwards(model)(job, parts)

    assert in_parts(model, rows, output, answer)["rows"] == ROWS


@pytest.mark.parametrize("args", [["predict", "--input", "{rows}", "--output", "{out}"]])
@pytest.mark.parametrize(
    ("lang", "says"), [("en", "pip install 'metier[ray]'"), ("zh", "没有安装。请安装：pip install")]
)
def test_without_ray_the_extra_is_named(args, lang, says, rows, tmp_path, capsys, monkeypatch):
    imported = builtins.__import__

    def without_ray(name, *given, **named):
        if name.partition(".")[0] == "ray":
            raise ModuleNotFoundError("No module named 'ray'", name="ray")
        return imported(name, *given, **named)

    for name in [name for name in sys.modules if name.partition(".")[0] == "ray" or name.endswith("_on_ray")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", without_ray)
    named = {"{rows}": str(rows), "{out}": str(tmp_path / "out.csv")}
    given = [args[0], str(BUNDLE), *(named.get(word, word) for word in args[1:])]
    assert program.run([*given, "--on", "ray", "--lang", lang]) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (
            ["--input", "{rows}", "--output", "{out}", "--workers", "2"],
            "--workers would do nothing without --on ray",
        ),
        (["--input", "{rows}", "--output", "-", "--on", "ray"], "not through a pipe"),
        (["--input", "{rows}", "--output", "{out}.xlsx", "--on", "ray"], "into another format"),
        (["--input", "{rows}", "--output", "{out}", "--on", "ray", "--filter"], "have no filter"),
        (["my card", "--on", "ray"], "--on would do nothing"),
    ],
)
def test_calls_that_a_cluster_cannot_take_are_refused(args, says, rows, tmp_path, capsys):
    given = [word.replace("{rows}", str(rows)).replace("{out}", str(tmp_path / "out.csv")) for word in args]
    assert program.run(["predict", str(BUNDLE), *given]) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("replicas", "in_flight", "scaling"),
    [("2-8", 3, (2, 8, 3)), ("3", None, (3, 3, 4)), ("10000", 1, None), ("4-2", 1, None)],
)
def test_replicas_are_the_least_and_the_most(replicas, in_flight, scaling):
    if scaling is not None:
        assert on_ray.scaling_of("ray", replicas, in_flight) == on_ray.Scaling(*scaling)
        return
    with pytest.raises(CallError, match="the least and the most"):
        on_ray.scaling_of("ray", replicas, in_flight)


@pytest.mark.parametrize(
    "own", [["--workers", "2"], ["--log-predictions", "{folder}"], ["--audit", "{folder}"]]
)
def test_what_is_of_one_machine_is_not_served_on_ray(own, tmp_path, capsys):
    args = [word.replace("{folder}", str(tmp_path / "kept")) for word in own]
    assert program.run(["serve", str(BUNDLE), "--on", "ray", *args]) == 2
    assert "are of one machine" in capsys.readouterr().err


def test_replicas_without_ray_would_do_nothing(capsys):
    assert program.run(["serve", str(BUNDLE), "--replicas", "1-2"]) == 2
    assert "--replicas would do nothing without --on ray" in capsys.readouterr().err


def test_nobody_is_counted():
    assert on_ray.QUIET["RAY_USAGE_STATS_ENABLED"] == "0"


@pytest.mark.slow
@pytest.mark.serial
def test_a_local_cluster_answers_each_row_once(rows, tmp_path):
    pytest.importorskip("ray", reason="the extra ray is not installed")
    alone, output = tmp_path / "alone.csv", tmp_path / "out.csv"
    args = ["predict", str(BUNDLE), "--input", str(rows), "--text", "text"]
    assert program.run([*args, "--output", str(alone)]) == 0
    command = [sys.executable, "-m", "metier", *args, "--output", str(output), "--on", "ray", "--workers", "2"]
    environment = {key: value for key, value in os.environ.items() if key != "RAY_ADDRESS"}
    subprocess.run(command, check=True, timeout=600, env=environment, cwd=tmp_path)
    assert output.read_bytes() == alone.read_bytes()
