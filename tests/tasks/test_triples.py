"""Rows of spans and relations between them: read, checked, gathered, and shown."""

import json

import pytest

import metier
from metier.data.importers import import_rows
from metier.errors import BrokenValueError, DataError
from metier.tasks.answers import TRIPLES
from metier.tasks.task_table import infer_task
from metier.tasks.triples import Triples

ROW = {
    "text": "Acme bought Bolt",
    "spans": [{"start": 12, "end": 16, "label": "ORG"}, {"start": 0, "end": 4, "label": "ORG"}],
    "relations": [{"head": 1, "tail": 0, "label": "buys"}],
}
CHINESE = {
    "text": "甲公司收购了乙公司",
    "entities": [
        {"id": 7, "start_offset": 0, "end_offset": 3, "label": "公司"},
        {"id": 9, "start_offset": 6, "end_offset": 9, "label": "公司"},
    ],
    "relations": [{"id": 1, "from_id": 9, "to_id": 7, "type": "被收购"}],
}


@pytest.fixture
def written(tmp_path):
    def write(*rows):
        path = tmp_path / "rows.jsonl"
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
        return path

    return write


def test_places_are_those_of_the_sorted_spans(written):
    rows = metier.read(written(ROW))
    assert infer_task(rows)[0] == "triples"
    assert rows.values("spans") == [[[0, 4, "ORG"], [12, 16, "ORG"]]]
    assert rows.values("relations") == [[[0, 1, "buys"]]]


def test_relations_by_id_as_labelling_tools_write_them_are_read(written):
    rows = metier.read(written(CHINESE))
    [target] = Triples(("被收购",)).targets(rows)
    assert target == {"spans": [[0, 3, "公司"], [6, 9, "公司"]], "relations": [[1, 0, "被收购"]]}
    assert rows.take([0]).values("relations") == [[[1, 0, "被收购"]]]


@pytest.mark.parametrize(
    ("relation", "found"),
    [
        ({"head": 0, "tail": 2, "label": "buys"}, "names the span 2, which is not there: the row has 2"),
        ({"head": 0, "tail": 0, "label": "buys"}, "joins a span with itself \\('Bolt'\\)"),
    ],
)
def test_a_relation_of_no_span_is_refused_with_its_row_and_left_out_by_repair(written, relation, found):
    path = written(ROW, {**ROW, "relations": [*ROW["relations"], relation]})
    with pytest.raises(BrokenValueError, match=f"row 2.*{found}"):
        metier.read(path)
    assert metier.read(path, repair=True).values("relations") == [[[0, 1, "buys"]]] * 2


def test_relations_without_spans_are_refused(written):
    path = written({"text": "Acme bought Bolt", "relations": ROW["relations"]})
    with pytest.raises(DataError, match="no column has these"):
        metier.read(path, relations="relations")


def test_a_label_that_means_none_is_no_triple(written):
    other = {**ROW, "relations": [{"head": 0, "tail": 1, "label": "no_relation"}]}
    rows = metier.read(written(ROW, other))
    task = Triples.from_rows(rows)
    assert (task.labels, task.negative_label) == (("buys",), "no_relation")
    assert [len(target["relations"]) for target in task.targets(rows)] == [1, 0]


def test_rows_of_one_relation_are_gathered_by_text(written, tmp_path):
    bolt, acme, firm = {"start": 12, "end": 16}, {"start": 0, "end": 4, "type": "ORG"}, {"start": 5, "end": 16}
    text = ROW["text"]
    path = written(
        {"text": text, "head": acme, "tail": bolt, "label": "buys"},
        {"text": text, "head": bolt, "tail": acme, "label": "is bought by"},
        {"text": text, "head": acme, "tail": bolt, "label": "buys"},
        {
            "text": "Cora sold Dune",
            "head": {"start": 0, "end": 4},
            "tail": {"start": 10, "end": 14},
            "label": "sells",
        },
        {
            "text": "Cora sold Dune",
            "head": {"start": 5, "end": 14},
            "tail": {"start": 0, "end": 4},
            "label": "of",
        },
    )
    with pytest.raises(DataError, match="--format relations"):
        Triples.from_rows(metier.read(path))
    imported = import_rows(path, format="relations")
    one, other = [row for table in imported.tables for row in table.to_pylist()]
    assert [span["label"] for span in one["spans"]] == ["ORG", "entity"]
    assert one["relations"] == [
        {"head": 0, "tail": 1, "label": "buys"},
        {"head": 1, "tail": 0, "label": "is bought by"},
    ]
    assert imported.left_out == {"relations of an entity that overlaps another": [4]}
    assert [span["text"] for span in other["spans"]] == ["Cora", "sold Dune"]
    assert firm  # The longer of two that overlap stays.


def test_an_answer_of_another_program_is_read_and_shown():
    answer = TRIPLES.read_answer({"spans": [[0, 4, "ORG"], [12, 16, "ORG"]], "relations": [[0, 1, "buys"]]})
    row = {"item": ROW["text"], "target": answer, "predicted": TRIPLES.read_answer(None)}
    assert [line.text for line in TRIPLES.lines(row)] == [
        ROW["text"],
        "Acme → buys → Bolt",
        ROW["text"],
        "none",
    ]
    with pytest.raises(ValueError, match="no mapping"):
        TRIPLES.read_answer({"spans": [], "relations": [[0, 1, "buys"]]})
