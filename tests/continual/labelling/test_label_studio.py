"""Rows out to Label Studio, and its export back."""

import json

import pytest

from metier.continual.labelling.label_studio import labelling_config, tasks_of
from metier.continual.labelling.label_studio_export import import_labels
from metier.continual.labelling.labelled_rows import labelled_rows
from metier.continual.queue import NewItem, QueueStore
from metier.data import open_writer, read
from metier.data.importers.label_studio import import_label_studio
from metier.errors import DataError, EmptyDataError
from metier.report.sentences import in_chinese

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
    queue.add_labels(["card", "loan"])
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


def region(**value):
    return result("labels", **value)


@pytest.mark.parametrize(
    "broken",
    [
        region(start=0, labels=["BRAND"]),
        region(start=0, end=5),
        region(start=0, end=5, labels=[]),
        region(start=0, end=5, labels="BRAND"),
        region(start=None, end=5, labels=["BRAND"]),
        region(start=5, end=5, labels=["BRAND"]),
        region(start=-3, end=5, labels=["BRAND"]),
        region(start=0, end=999, labels=["BRAND"]),
        region(start=float("inf"), end=5, labels=["BRAND"]),
        region(start=0, end=5, labels=["two\nlines"]),
    ],
)
def test_annotations_with_missing_parts_are_left_out_whole_and_said(queue, tmp_path, broken):
    queue.add([NewItem("a", str(n), text) for n, text in enumerate((SMILE, "Orbix again"))])
    whole = region(start=0, end=5, labels=["BRAND"])
    tasks = [
        {"data": {"text": SMILE}, "annotations": [{"result": [whole, broken]}, "none", None]},
        {"data": {"text": "Orbix again"}, "annotations": [{"result": [whole], "lead_time": "soon"}]},
        {"data": None, "annotations": {}},
        {},
    ]
    found = import_labels(queue, export(tmp_path, tasks), kind="spans")
    assert [(one.item, one.answer, one.seconds) for one in queue.labels()] == [
        (2, {"spans": [[0, 5, "BRAND"]]}, None)
    ]
    assert found.labelled == 1
    unknown, left_out, new = found.notes
    assert unknown.startswith("2 tasks are no rows")
    assert left_out.startswith("1 annotations have a region outside of the text")
    assert new == "1 labels are new in this queue: BRAND"
    assert all(in_chinese(note) != note for note in found.notes)


def test_choices_names_and_times_of_any_form_are_read(queue, tmp_path):
    queue.add([NewItem("a", "1", "my card")])
    queue.add_labels(["card"])
    given = [
        {"result": [result("choices", choices="card")]},
        {"result": {"no": "list"}},
        {"result": None, "completed_by": 7},
        {
            "result": [result("choices", choices=["card"])],
            "completed_by": {"email": "a\n\x1b[2J" * 90},
            "lead_time": -1,
        },
        {"result": [result("choices", choices=["card"])], "completed_by": [1], "lead_time": float("nan")},
        {"was_cancelled": True, "completed_by": {}},
    ]
    found = import_labels(
        queue, export(tmp_path, [{"data": {"text": "my card"}, "annotations": given}]), kind="label"
    )
    assert (found.labelled, found.skipped, len(found.notes)) == (2, 1, 2)
    assert all(len(one.labeller) <= 100 and one.seconds is None for one in queue.labels())


def test_spans_across_emoji_go_out_and_come_back(queue, tmp_path):
    text = "\U0001f600 pay \U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea 退款😀吗"
    place = text.index("款"), text.index("吗")
    queue.add([NewItem("a", "1", text, suggestion={"spans": [[2, 13, "WHO"], [*place, "WHAT"]]})])
    [task] = tasks_of(queue.items())
    regions = task["predictions"][0]["result"]
    assert [one["value"]["text"] for one in regions][1] == "款😀"
    found = import_labels(
        queue, export(tmp_path, [task | {"annotations": [{"result": regions}]}]), kind="spans"
    )
    assert found.labelled == 1
    assert queue.labels()[0].answer == {"spans": [[2, 13, "WHO"], [*place, "WHAT"]]}
