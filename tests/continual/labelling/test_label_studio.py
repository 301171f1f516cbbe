"""Rows out to Label Studio, and its export back."""

import json

import pytest

from metier.continual.labelling.label_studio import import_labels, labelling_config, tasks_of
from metier.continual.labelling.labelled_rows import labelled_rows
from metier.continual.queue import NewItem, QueueStore
from metier.data import open_writer, read
from metier.data.importers.label_studio import import_label_studio
from metier.errors import DataError, EmptyDataError

SMILE = "😀 Zelta beats Orbix"


@pytest.fixture
def queue(tmp_path):
    store = QueueStore(tmp_path / "queue.sqlite")
    yield store
    store.close()


def result(kind, **value):
    return {"from_name": "label", "to_name": "text", "type": kind, "value": value}


def export(tmp_path, tasks):
    path = tmp_path / "export.json"
    path.write_text(json.dumps(tasks), "utf-8")
    return path


def test_tasks_hold_the_models_answer_as_a_prediction(queue):
    queue.add(
        [
            NewItem("a", "1", "my card", (("s", "Why."),), {"label": "card", "probability": 0.7}, "v1"),
            NewItem("a", "2", "by chance", (), {"label": "card", "probability": 0.7}, "v1", is_audit=True),
        ]
    )
    first, second = tasks_of(queue.items())
    [prediction] = first["predictions"]
    assert (prediction["score"], prediction["model_version"]) == (0.7, "v1")
    assert prediction["result"][0]["value"] == {"choices": ["card"]}
    assert first["data"]["reason"] == "Why."
    assert "predictions" not in second
    assert '<Choice value="a &lt;b&gt; &quot;c&quot;"/>'.replace("&gt;", ">") in labelling_config(
        ['a <b> "c"'], "label"
    )


def test_offsets_of_spans_count_as_browsers_do_and_come_back(queue, tmp_path):
    queue.add(
        [NewItem("a", "1", SMILE, suggestion={"spans": [[2, 7, "BRAND"]], "probability": 0.4}, version="v1")]
    )
    [task] = tasks_of(queue.items())
    [region] = task["predictions"][0]["result"]
    assert region["value"] == {"start": 3, "end": 8, "text": "Zelta", "labels": ["BRAND"]}
    annotated = task | {
        "annotations": [{"completed_by": {"email": "anna@x.org"}, "result": [region], "lead_time": 7.5}]
    }
    found = import_labels(queue, export(tmp_path, [annotated]), kind="spans")
    assert (found.labelled, found.labellers) == (1, {"label-studio:anna@x.org"})
    [said] = queue.labels()
    assert (said.answer, said.seconds) == ({"spans": [[2, 7, "BRAND"]]}, 7.5)
    # The importer of rows reads the same file alike.
    [table] = import_label_studio(tmp_path / "export.json").tables
    assert table.column("spans").to_pylist()[0][0]["start"] == 2


def test_every_annotation_is_an_answer_of_its_annotator(queue, tmp_path):
    queue.set_overlap(1.0)
    queue.add([NewItem("a", str(n), f"text {n}") for n in range(3)])
    tasks = tasks_of(queue.items())
    tasks[0]["annotations"] = [
        {"completed_by": 1, "result": [result("choices", choices=["card"])]},
        {"completed_by": 2, "result": [result("choices", choices=["loan"])]},
    ]
    tasks[1]["annotations"] = [{"completed_by": 1, "was_cancelled": True, "result": []}]
    tasks[2]["annotations"] = [{"completed_by": 1, "result": []}]
    stranger = {"data": {"text": "elsewhere"}, "annotations": []}
    found = import_labels(queue, export(tmp_path, [*tasks, stranger]), kind="label")
    assert (found.labelled, found.skipped) == (2, 1)
    assert len(found.notes) == 2
    assert queue.counts() == {"disagreed": 1, "waiting": 2}


def test_an_export_of_something_else_is_refused(queue, tmp_path):
    queue.add([NewItem("a", "1", "text")])
    tasks = [{"data": {"text": "elsewhere"}, "annotations": []}]
    with pytest.raises(DataError, match="None of the 1 tasks"):
        import_labels(queue, export(tmp_path, tasks), kind="label")


@pytest.mark.parametrize(
    ("kind", "answer", "suffix"),
    [
        ("label", {"label": "card"}, "csv"),
        ("label", {"label": "card"}, "jsonl"),
        ("labels", {"labels": ["card", "pin"]}, "jsonl"),
        ("spans", {"spans": [[2, 7, "BRAND"]]}, "jsonl"),
    ],
)
def test_decided_rows_are_training_rows(queue, tmp_path, kind, answer, suffix):
    with pytest.raises(EmptyDataError, match="No row of the queue is decided"):
        labelled_rows(queue.decided(), kind)
    queue.add([NewItem("a", "1", SMILE), NewItem("a", "2", "left open")])
    queue.label(1, "anna", answer)
    out = tmp_path / f"out.{suffix}"
    with open_writer(out) as writer:
        writer.write(labelled_rows(queue.decided(), kind))
    rows = read(out, **{kind: kind})
    assert rows.values(kind) == [answer[kind]]
    assert list(rows.texts) == [SMILE]
