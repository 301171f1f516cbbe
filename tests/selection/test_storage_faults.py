"""Disks that refuse while a run goes on: it stops, says so, and a resumed run ends as an undisturbed one."""

import errno
import json
import shutil
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import metier
from metier.classical import TfidfLinear
from metier.errors import CallError, InUseError, StorageError
from metier.runs.run_folder import Entry, RunFolder
from metier.selection.api import _going_on_with
from metier.selection.execution.sealing import seal_candidates

NAMES = ["majority", "tfidf_linear"]


def some_rows(n):
    """Rows that are no near-duplicates of one another."""
    random = np.random.default_rng(0)
    words = {"card": "card bank plastic chip pin post", "rate": "euro dollar yen price market change"}
    spoken = [f"word{number}" for number in range(200)]
    for _ in range(n):
        for label, own in words.items():
            text = [*random.choice(own.split(), 2), *random.choice(spoken, 6)]
            yield {"text": " ".join(text), "label": label}


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    path = tmp_path_factory.mktemp("rows") / "行.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in some_rows(60)), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def undisturbed(rows, tmp_path_factory):
    return train(rows, tmp_path_factory.mktemp("runs") / "run")


def train(rows, run, **how):
    return metier.train(settings={"data": {"train": str(rows)}, "candidates": NAMES}, run=run, **how)


def same_answers(one, other):
    assert [entry["name"] for entry in one.report["candidates"] if entry["status"] == "trained"] == [
        entry["name"] for entry in other.report["candidates"] if entry["status"] == "trained"
    ]
    for path in sorted((one.folder / "answers").glob("*.np?")):
        np.testing.assert_array_equal(np.load(path), np.load(other.folder / "answers" / path.name))


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT])
def test_a_refusing_disk_stops_the_run_and_no_candidate_is_to_blame(
    rows, undisturbed, tmp_path, monkeypatch, code
):
    def refuse(self, folder):
        (folder / "half.json").write_text("{")
        raise OSError(code, "refused", str(folder / "half.json"))

    monkeypatch.setattr(TfidfLinear, "export", refuse)
    with pytest.raises(StorageError, match=rf"half\.json cannot be written.*--resume {tmp_path}/run") as caught:
        train(rows, tmp_path / "run")
    assert caught.value.exit_code == 1
    run = RunFolder.open(tmp_path / "run")
    assert (run.entry("majority.v1").status, run.entry("tfidf_linear.v1")) == ("trained", None)
    assert [path.name for path in (run.path / "candidates").iterdir()] == ["majority.v1"]
    monkeypatch.undo()
    same_answers(metier.train(resume=run.path), undisturbed)


def test_a_refit_that_the_disk_refuses_stops_the_run_too(rows, undisturbed, tmp_path, monkeypatch):
    export, calls = TfidfLinear.export, []

    def refuse_later(self, folder):
        calls.append(folder)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "refused")
        export(self, folder)

    monkeypatch.setattr(TfidfLinear, "export", refuse_later)
    with pytest.raises(StorageError, match="the disk is full"):
        train(rows, tmp_path / "run")
    monkeypatch.undo()
    same_answers(metier.train(resume=tmp_path / "run"), undisturbed)


def test_a_refit_that_was_not_entered_is_undone(rows, undisturbed, tmp_path, monkeypatch):
    """Killed between the folder and the entry of a refit, the run must not ship one model and describe another."""
    save = RunFolder.save_entry

    def kill(self, entry):
        if entry.trained_on != "train":
            raise KeyboardInterrupt
        save(self, entry)

    monkeypatch.setattr(RunFolder, "save_entry", kill)
    with pytest.raises(metier.errors.InterruptedRunError):
        train(rows, tmp_path / "run")
    monkeypatch.undo()
    run = RunFolder.open(tmp_path / "run")
    refitted = {path.stem for path in (run.path / "candidates").glob("*.old")}
    assert len(refitted) == 1
    run.recover()
    assert not list((run.path / "candidates").glob("*.old"))
    same_answers(metier.train(resume=run.path), undisturbed)


def test_a_kill_while_sealing_is_recovered_from(rows, undisturbed, tmp_path, monkeypatch):
    def killed(comparison, report):
        seal_candidates(comparison, report)
        folder = comparison.run.candidate("tfidf_linear.v1")
        (folder / "manifest.json").rename(folder / ".manifest.json.partial")  # As it was named once.
        (folder / ".README.md.1-0123abcd.partial").write_text("half")
        raise KeyboardInterrupt

    monkeypatch.setattr("metier.selection.conduct.seal_candidates", killed)
    with pytest.raises(metier.errors.InterruptedRunError):
        train(rows, tmp_path / "run")
    monkeypatch.undo()
    resumed = metier.train(resume=tmp_path / "run")
    same_answers(resumed, undisturbed)
    resumed.candidate("tfidf_linear.v1").predict(["my card"])


def test_a_candidate_whose_export_was_damaged_meanwhile_is_trained_again(
    rows, undisturbed, tmp_path, monkeypatch
):
    monkeypatch.setattr("metier.selection.conduct.seal_candidates", _stop)
    names = {"candidates": [*NAMES, "average"]}
    with pytest.raises(metier.errors.InterruptedRunError):
        train(rows, tmp_path / "run", **names)
    monkeypatch.undo()
    run = RunFolder.open(tmp_path / "run")
    weights = run.candidate("tfidf_linear.v1") / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    said = []
    resumed = metier.train(resume=run.path, listener=lambda progress: said.append(progress.what))
    told = "tfidf_linear.v1: weights.safetensors of its export is damaged, so it is made again"
    assert told in said
    assert "majority.v1: training" not in said
    assert told in (run.path / "train.log").read_text("utf-8")
    assert resumed.candidate("tfidf_linear.v1").predict(["my card"])


def test_an_ensemble_whose_export_was_damaged_is_written_again_as_it_was(tmp_path):
    run = RunFolder.create(tmp_path / "run", name="rows")
    for name, members in {"one.v1": [], "both.v1": ["one.v1"]}.items():
        run.candidate(name).mkdir()
        (run.candidate(name) / "predictor.json").write_text("{}")
        run.save_entry(Entry(name, members=members))
    assert run.forget_damaged() == []
    (run.candidate("both.v1") / "predictor.json").unlink()
    [told] = run.forget_damaged()
    assert told.startswith("both.v1: predictor.json of its export is damaged")
    assert run.entry("both.v1").members == ["one.v1"]
    assert not run.candidate("both.v1").exists()
    assert run.forget_damaged() == [told]  # Until it is written.


def _stop(comparison, report):
    raise KeyboardInterrupt


def test_a_folder_in_which_nothing_was_begun_may_be_begun(rows, tmp_path):
    run = RunFolder.create(tmp_path / "run", name="rows")
    (run.path / ".lock").write_text("")
    (run.path / ".settings.yaml.1-0123abcd.partial").write_text("budg")
    with pytest.raises(CallError, match=r"Nothing was begun in .*Begin the run again"):
        metier.train(resume=run.path)
    assert train(rows, run.path).folder == run.path
    assert not list(run.path.glob(".*"))


def test_files_of_others_are_not_taken_for_leftovers(tmp_path):
    for name in ("thesis.partial", "thesis.job"):
        (tmp_path / name).write_text("precious")
    with pytest.raises(CallError, match="It is not a run, so it stays"):
        RunFolder.create(tmp_path, name="rows", overwrite=True)


def test_a_run_that_was_half_removed_can_be_removed_again(undisturbed, tmp_path):
    shutil.copytree(undisturbed.folder, tmp_path / "run", symlinks=True)
    for left in ("settings.yaml", "candidates", "answers"):
        assert (tmp_path / "run" / left).exists()
    for path in [*(tmp_path / "run" / "candidates").iterdir()]:
        shutil.rmtree(path)
    RunFolder.create(tmp_path / "run", name="rows", overwrite=True)
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["answers", "candidates"]


def test_one_process_at_a_time_works_on_a_run(rows, undisturbed, tmp_path):
    shutil.copytree(undisturbed.folder, tmp_path / "run", symlinks=True)
    (tmp_path / "run" / "report.json").unlink()
    with RunFolder(tmp_path / "run").held():
        for call in (
            {"resume": tmp_path / "run"},
            {"source": rows, "run": tmp_path / "run", "overwrite": True},
            {"source": rows, "run": tmp_path / "run"},
        ):
            with pytest.raises(InUseError, match=r"run is in use by process \d+ on .*since"):
                metier.train(**call)
    same_answers(metier.train(resume=tmp_path / "run"), undisturbed)


def test_a_run_that_another_process_began_meanwhile_stays_as_it_is(rows, undisturbed, tmp_path, monkeypatch):
    """Two that begin at once both find the folder free; the second has it once the first has ended."""
    place, create = tmp_path / "run", RunFolder.create

    def and_another_is_quicker(path, **options):
        folder = create(path, **options)
        shutil.copytree(undisturbed.folder, path, symlinks=True, dirs_exist_ok=True)
        return folder

    monkeypatch.setattr(RunFolder, "create", and_another_is_quicker)
    with pytest.raises(CallError, match=r"run exists already\. Name another folder"):
        train(rows, place)
    assert (place / "report.json").read_bytes() == (undisturbed.folder / "report.json").read_bytes()


def test_names_that_are_no_text_survive_a_run(rows, undisturbed, tmp_path):
    """In a locale that cannot decode them, names of files are held as surrogates."""
    shutil.copy(rows, tmp_path / "rows-\udce6.jsonl")
    finished = train(tmp_path / "rows-\udce6.jsonl", tmp_path / "run-\udce6")
    (finished.folder / "report.json").unlink()
    same_answers(metier.train(resume=finished.folder), undisturbed)


SMALL_DISK = """
import pathlib, subprocess, sys
import metier
from metier.errors import MetierError, StorageError
disk = pathlib.Path(sys.argv[2])
settings = {"data": {"train": sys.argv[1]}, "candidates": ["majority", "tfidf_linear"]}
def mount(size, how=()):
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"{','.join((*how, f'size={size}k'))}", "none", disk], check=True)
outcomes = set()
for size in (4, 12, 24, 40, 60, 80, 100, 120):
    mount(size)
    run = disk / "run"
    try:
        metier.train(settings=settings, run=run)
        raise SystemExit(f"a disk of {size} KB took the run")
    except StorageError as error:
        assert "the disk is full" in str(error) or "No space left" in str(error), error
        outcome = "resumed" if "--resume" in str(error) else "begun again"
    outcomes.add(outcome)
    mount(8_000, ["remount"])
    finished = metier.train(resume=run) if outcome != "begun again" else metier.train(settings=settings, run=run)
    trained = {one["name"]: one["status"] for one in finished.report["candidates"]}
    assert trained == {"majority.v1": "trained", "tfidf_linear.v1": "trained"}, (size, trained)
    assert not list(run.rglob(".*")) and not list(run.rglob("*.old")), list(run.rglob("*"))
    finished.best.predict(["my card"])
    subprocess.run(["umount", disk], check=True)
assert outcomes == {"begun again", "resumed"}, outcomes
"""


@pytest.mark.slow
def test_disks_of_several_sizes_are_full_somewhere_and_the_run_is_resumed(rows, tmp_path):
    if shutil.which("unshare") is None:
        pytest.skip("no unshare here, so no small file system can be mounted")
    disk = tmp_path / "disk"
    disk.mkdir()
    inside = ["unshare", "--mount", "--user", "--map-root-user"]
    probe = subprocess.run([*inside, "mount", "-t", "tmpfs", "none", str(disk)], capture_output=True, text=True)
    if probe.returncode:
        pytest.skip(f"no small file system can be mounted here: {probe.stderr.strip()}")
    command = [
        *inside,
        sys.executable,
        "-c",
        textwrap.dedent(SMALL_DISK),
        str(rows),
        str(disk),
        ",".join(NAMES),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_a_disk_that_refuses_one_of_several_tasks_is_told_with_the_folder_of_all(tmp_path):
    whole, part = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "whole" / "ner")
    with pytest.raises(StorageError) as caught, _going_on_with(whole), _going_on_with(part):
        raise OSError(errno.ENOSPC, "No space left on device", str(part.path / "data.json"))
    assert str(caught.value) == (
        f"{part.path / 'data.json'} cannot be written: the disk is full. Free some space. "
        f"What was done is kept; go on with: metier train --resume {whole.path}"
    )


def test_a_run_that_fine_tunes_nothing_does_without_torch(rows, tmp_path):
    code = (
        "import sys; from metier.cli.program import run\n"
        f"code = run(['train', {str(rows)!r}, '--candidates', 'majority', '--run', {str(tmp_path / 'run')!r}])\n"
        "print(code, sorted({'torch', 'transformers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 []"
