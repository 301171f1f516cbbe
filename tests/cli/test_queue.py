"""`metier queue`: rows in, the state, labelled rows out."""

import json
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner

from metier.cli.erase import erase
from metier.cli.queue import queue
from metier.continual.queue import QueueStore
from metier.data import read
from metier.errors import CallError, EmptyDataError, UnknownNameError
from metier.monitoring.audit_labels import read_audit_labels
from metier.monitoring.store.watch_store import WatchStore
from tests.watched import ListSource, WordAnswerer, message, settings, watch

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "tests" / "bundles" / "sealed_71959d8" / "linear.v1"


@pytest.fixture
def where(tmp_path):
    lines = (ROOT / "examples" / "banking77" / "test.csv").read_text("utf-8").splitlines()[:201]
    head, *rows = lines
    whom = [f"u{number % 7}" for number in range(len(rows))]
    text = "\n".join([f"{head},who", *(f"{row},{one}" for row, one in zip(rows, whom, strict=True))])
    (tmp_path / "rows.csv").write_text(text + "\n", encoding="utf-8")
    return tmp_path


def run(command, *args):
    result = CliRunner().invoke(command, [str(arg) for arg in args])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def label(path, name, answers):
    store = QueueStore(path)
    for answer in answers:
        item = store.give(name)
        store.label(item.number, name, {"label": answer}, seconds=4.0)
    store.close()


def test_rows_are_added_labelled_and_taken_out(where):
    path = where / "queue.sqlite"
    shown = run(queue, path, where / "rows.csv", "--model", MODEL, "--n", 30, "--audit", 0.2, "--price", 0.1)
    assert "30 rows added of 200 (audit 6, stratified 24)" in shown
    assert "about 5 min of labelling, 3.00 in money" in shown
    assert "3 labels without a decided row" in shown
    label(path, "anna", ["change_pin", "lost_card"] * 15)
    out = where / "out.csv"
    shown = run(queue, path, "--out", out)
    assert "rows: decided 30" in shown
    assert "accuracy" in shown
    assert "on 6 rows drawn by chance" in shown
    assert "1 label without a decided row: exchange_rate" in shown
    rows = read(out, label="label")
    assert len(rows) == 30
    assert set(rows.labels) == {"change_pin", "lost_card"}


def test_the_state_as_json(where):
    path = where / "queue.sqlite"
    facts = json.loads(run(queue, path, where / "rows.csv", "--model", MODEL, "--n", 10, "--json"))
    assert facts["filled"]["added"] == 10
    assert facts["state"]["counts"] == {"waiting": 10}
    assert facts["state"]["people"] == []
    again = json.loads(
        run(queue, path, where / "rows.csv", "--model", MODEL, "--strategy", "badge,random", "--json")
    )
    assert again["filled"]["by"] == {"audit": 10, "badge": 45, "random": 45}
    assert "10 rows are in the queue already" in again["filled"]["notes"]


def test_the_state_in_chinese(where):
    path = where / "queue.sqlite"
    run(queue, path, where / "rows.csv", "--model", MODEL, "--n", 60)
    label(path, "anna", ["change_pin"] * 30)
    shown = run(queue, path, where / "rows.csv", "--model", MODEL, "--n", 5, "--lang", "zh")
    assert "费用" not in shown  # No price was given.
    for said in ("已从 140 条样本中添加 5 条", "60 条样本已在队列中", "是否停止？", "标注者"):
        assert said in shown
    assert "rows" not in shown.replace("rows.csv", "")


def test_rows_go_to_label_studio(where):
    path, tasks = where / "queue.sqlite", where / "tasks.json"
    run(queue, path, where / "rows.csv", "--model", MODEL, "--n", 10, "--label-studio", tasks)
    assert len(json.loads(tasks.read_text("utf-8"))) == 10
    assert '<Choice value="change_pin"/>' in tasks.with_suffix(".xml").read_text("utf-8")
    with pytest.raises(CallError, match="exists already"):
        run(queue, path, "--label-studio", tasks)


def test_a_person_is_erased_from_a_queue(where):
    path = where / "queue.sqlite"
    run(queue, path, where / "rows.csv", "--model", MODEL, "--n", 200, "--subject", "who")
    label(path, "anna", ["change_pin"] * 200)
    assert "29 rows with their labels" in run(erase, "--subject", "u3", "--queue", path)
    assert "nothing of the subject" in run(erase, "--subject", "u3", "--queue", path)
    assert "rows: decided 171" in run(queue, path)


def test_what_cannot_work_is_said_and_nothing_is_made(where):
    path = where / "queue.sqlite"
    with pytest.raises(CallError, match="There is no queue"):
        run(queue, path)
    with pytest.raises(UnknownNameError, match="no strategy called 'bagde'"):
        run(queue, path, where / "rows.csv", "--model", MODEL, "--strategy", "bagde")
    assert not path.exists()
    with pytest.raises(CallError, match="breaking_ties needs a model of labels"):
        run(queue, path, where / "rows.csv", "--strategy", "breaking_ties")


def test_labels_of_messages_that_a_watch_drew_are_what_it_measures_accuracy_by(tmp_path):
    own = settings(tmp_path, by=["topic"], audit_fraction=0.3, store=str(tmp_path / "watch.sqlite"))
    store = WatchStore(own.store)
    source = ListSource([message(number) for number in range(60)])
    watch(store, [source], own, answerer=WordAnswerer()).run_once(threading.Event())
    drawn = {(one.source, one.id) for batch in store.messages() for one in batch if one.is_audit}
    store.close()
    path, out = tmp_path / "queue.sqlite", tmp_path / "labels.csv"
    run(queue, path, own.store, "--n", 60, "--audit", 1, "--labels", "delay,other")
    with pytest.raises(EmptyDataError, match="drew by chance"):
        run(queue, path, "--audit-labels", out)
    label(path, "anna", ["other"] * 60)
    shown = run(queue, path, "--audit-labels", out)
    assert f"{len(drawn)} labels of messages drawn by chance" in shown
    assert read_audit_labels(out) == dict.fromkeys(drawn, "other")
    with pytest.raises(CallError, match="overwrite"):
        run(queue, path, "--audit-labels", out)
    run(queue, path, "--audit-labels", out, "--overwrite")
