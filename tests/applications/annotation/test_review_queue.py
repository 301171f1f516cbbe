"""A queue is filled in by readers, and comes back as rows that can be trained on."""

import pytest

from metier.applications.annotation.annotating import Annotated
from metier.applications.annotation.need import need_of, unreadable
from metier.applications.annotation.review_queue import queue_rows, returned_rows
from metier.errors import CallError, DataError


@pytest.fixture
def queue(tmp_path):
    def one(name, need, suggestion="a", probability=0.6, fault=None):
        row = {"image": name, "ward": "3", "label": None}
        return Annotated(row, str(tmp_path / name), need, suggestion, probability, "m.v1", fault)

    annotated = [
        one("sure.dcm", need_of(0.99, least=0.9)),
        one("some.dcm", need_of(0.6, least=0.9)),
        one("none.dcm", unreadable(), None, None, "it is empty (0 bytes)"),
        one("text.dcm", need_of(0.6, least=0.9, has_text=True)),
    ]
    return queue_rows(annotated, image="image", folder=tmp_path, heat_maps={})


def test_the_most_needed_come_first_with_their_reasons(queue):
    assert [row["image"] for row in queue] == ["none.dcm", "text.dcm", "some.dcm"]
    assert [row["rank"] for row in queue] == [1, 2, 3]
    assert queue[0]["reasons"] == "cannot be read; it is empty (0 bytes)"
    assert queue[1]["reasons"] == "not confident; text in the pixels"
    assert all(row["reader_label"] == "" and row["ward"] == "3" for row in queue)


def test_labels_come_back_as_rows_with_what_the_rows_had(queue, tmp_path):
    queue[1] |= {"reader_label": "b", "reader": "R1"}
    queue[2] |= {"reader_label": "a"}
    found = returned_rows(queue, target=tmp_path / "rows.csv", known=("a", "b"), origin="queue.csv")
    assert found.rows == [
        {"image": "text.dcm", "label": "b", "reader": "R1", "ward": "3"},
        {"image": "some.dcm", "label": "a", "reader": None, "ward": "3"},
    ]
    assert (found.n_open, found.n_same, found.n_compared, found.conflicts) == (1, 1, 2, [])


def test_images_on_which_readers_disagree_stay_out_and_are_named(queue, tmp_path):
    twice = [
        queue[1] | {"reader_label": "a"},
        queue[1] | {"reader_label": "b"},
        queue[2] | {"reader_label": "a"},
    ]
    found = returned_rows(twice, target=tmp_path / "rows.csv", known=("a", "b"), origin="queue.csv")
    assert [row["image"] for row in found.rows] == ["some.dcm"]
    assert found.conflicts == [str(tmp_path / "text.dcm")]


def test_a_label_that_nobody_knows_is_named_with_its_row(queue, tmp_path):
    queue[1] |= {"reader_label": "bb"}
    with pytest.raises(DataError, match=r"row 2, column 'reader_label': 'bb' is no label of the model"):
        returned_rows(queue, target=tmp_path / "rows.csv", known=("a", "b"), origin="queue.csv")
    assert returned_rows(queue, target=tmp_path / "rows.csv", known=None, origin="queue.csv").rows


def test_rows_go_where_their_images_can_be_read(queue, tmp_path):
    queue[1] |= {"reader_label": "a"}
    with pytest.raises(CallError, match="Write the rows into"):
        returned_rows(queue, target=tmp_path / "else" / "rows.csv", known=None, origin="queue.csv")
    above = returned_rows(queue, target=tmp_path.parent / "rows.csv", known=None, origin="queue.csv")
    assert above.rows[0]["image"] == f"{tmp_path.name}/text.dcm"


def test_another_table_is_no_queue(tmp_path):
    with pytest.raises(DataError, match="is no queue of `metier annotate`"):
        returned_rows([{"image": "a.png"}], target=tmp_path / "rows.csv", known=None, origin="rows.csv")
