"""Rows that ask and answer: what is searched, what is learned, and what counts as found."""

from pathlib import Path

import pytest

import metier
from metier.errors import DataError, EmptyDataError, MissingLabelError, MissingSideError
from metier.evaluation.row_measures import measure
from metier.tasks.collection import KnownSearches, collection_of, known_pairs, passage_id
from metier.tasks.inputs.pair import Pair
from metier.tasks.retrieval import METRICS, Retrieval
from metier.tasks.task_table import infer_task

ICONS = Path(__file__).parents[2] / "examples" / "titled_icons" / "data.csv"
FAQ = [("Is it safe?", "Yes, it is."), ("Is it near?", "No, it is far."), ("Is it dear?", "It costs ten.")]


def rows_of(pairs):
    return metier.read(
        [{"text": query, "text_pair": passage} for query, passage in pairs], text="text", text_pair="text_pair"
    )


def test_rows_of_a_label_answer_one_another():
    task = KnownSearches.of_labels(["a", "b", "c"], ["x", "y", "x"], ["q", "r"], ["x", "y"])
    assert task.positions == [{0, 2}, {1}]


def test_a_query_may_have_several_answers_and_an_answer_several_queries():
    task = KnownSearches.of_pairs([Pair("no", "不"), Pair("no", "没"), Pair("nope", "不")])
    assert task.queries == ("no", "nope")
    assert task.texts == ("不", "没")
    assert task.positions == [{0, 1}, {0}]


def test_a_query_that_nothing_answers_is_refused_with_its_row():
    with pytest.raises(EmptyDataError, match="query 2, 'r'"):
        KnownSearches.of_labels(["a"], ["x"], ["q", "r"], ["x", "y"])


def test_two_texts_and_nothing_said_of_them_are_searched():
    rows = rows_of(FAQ)
    assert infer_task(rows)[0] == "retrieval"
    task = Retrieval.from_rows(rows)
    assert task.collection.texts == tuple(passage for _, passage in FAQ)
    assert task.targets(rows) == [[passage_id(passage)] for _, passage in FAQ]


def test_passages_of_other_rows_are_searched_too_and_each_once():
    task = Retrieval.from_rows(rows_of(FAQ[:2])).with_rows(rows_of(FAQ))
    assert task.collection.texts == tuple(passage for _, passage in FAQ)


def test_a_query_in_several_rows_has_all_their_answers():
    rows = rows_of([("no", "不"), ("no", "没"), ("yes", "是")])
    both = sorted([passage_id("不"), passage_id("没")])
    assert Retrieval.from_rows(rows).targets(rows) == [both, both, [passage_id("是")]]


def test_of_labelled_pairs_only_matches_answer_and_all_passages_are_searched():
    rows = metier.read(
        [
            {"text": query, "text_pair": passage, "label": label}
            for (query, passage), label in zip(FAQ, "110", strict=True)
        ]
    )
    task = Retrieval.from_rows(rows)
    assert task.targets(rows) == [[passage_id(FAQ[0][1])], [passage_id(FAQ[1][1])], []]
    assert len(task.collection) == 3


def test_rows_with_a_label_search_what_was_learned_from():
    rows = metier.read([("a card", "card"), ("my card", "card"), ("a fee", "fee")])
    task = Retrieval.from_rows(rows)
    assert task.collection is None
    assert task.with_rows(rows) is task
    collection = collection_of(None, task.items(rows), task.targets(rows))
    assert collection.ids == ("card", "card", "fee")
    # Each is asked once and answers once; a fee has nobody to be paired with.
    assert known_pairs(collection, task.items(rows), task.targets(rows)) == [
        Pair("a card", "my card"),
        Pair("my card", "a card"),
    ]


def test_what_cannot_be_searched_is_said():
    with pytest.raises(MissingLabelError, match="text_pair"):
        Retrieval.from_rows(metier.read([{"text": "a question"}, {"text": "another question"}]))
    with pytest.raises(MissingSideError, match="row 2"):
        Retrieval.from_rows(rows_of([FAQ[0], ("Is it?", " ")]))
    with pytest.raises(EmptyDataError, match="the same"):
        Retrieval.from_rows(rows_of([("a?", "yes"), ("b?", "yes")]))
    with pytest.raises(DataError, match="one id"):
        collection_of(None, ["a"], [["x", "y"]])


def test_its_metrics_are_measured_as_they_stand():
    task = KnownSearches.of_pairs([Pair("no", "不"), Pair("nope", "没")])
    rankings = [[1, 0], [1, 0]]
    figures = {name: measure(name, task.positions, rankings) for name in METRICS}
    assert figures["mean_reciprocal_rank"] == 0.75
    assert figures["recall_at_1"] == 0.5


def icons(**roles):
    rows = metier.read(ICONS, label="none", split="none", repair=True, **roles)
    both = zip(*(rows.table.column(name).to_pylist() for name in ("text", "image")), strict=True)
    return rows.take([row for row, values in enumerate(both) if all(values)][:12])  # Some lack one of the two.


def test_a_text_finds_the_images_beside_it_and_an_image_the_texts():
    rows = icons()
    task = Retrieval.from_rows(rows)
    assert (task.answer_role, task.input.name) == ("image", "text_image")
    assert task.items(rows)[0] == {"text": rows.texts[0]}
    assert task.collection.images == tuple(rows.column("image"))
    answers = task.targets(rows)
    assert all(name in ids for name, ids in zip(task.collection.ids, answers, strict=True))
    assert {len(ids) for ids in answers} == {1, 2}  # Two of the icons have one title.
    back = icons(image="image", text_pair="text")
    other = Retrieval.from_rows(back)
    assert (other.answer_role, other.input.name) == ("text_pair", "image")
    assert other.items(back) == [{"image": path} for path in rows.image_files]
    assert other.targets(back) == [[passage_id(text)] for text in rows.texts]


def test_all_images_of_a_text_answer_it_and_of_a_group_too(tmp_path):
    source = icons()
    lines = [
        (path, text, group) for path, text, group in zip(source.image_files, "aabcc", "xxxyz", strict=False)
    ]
    table = [{"image": path, "text": text, "product": group} for path, text, group in lines]
    plain = metier.read(table, text="text", image="image")
    ids = list(Retrieval.from_rows(plain).collection.ids)
    assert Retrieval.from_rows(plain).targets(plain)[:3] == [sorted(ids[:2])] * 2 + [[ids[2]]]
    grouped = metier.read(table, text="text", image="image", group="product")
    targets = Retrieval.from_rows(grouped).targets(grouped)
    assert targets[0] == targets[1] == targets[2] == sorted(ids[:3])
    assert targets[3] == targets[4] == sorted(ids[3:5])


def test_images_learned_from_are_not_searched_for_a_text_that_is_asked_again():
    source = icons()
    table = [{"image": path, "text": text} for path, text in zip(source.image_files, "aabbac", strict=False)]
    rows = metier.read(table, text="text", image="image")
    task = Retrieval.from_rows(rows.take([0, 1, 2, 3])).with_rows(rows.take([4, 5]))
    assert task.collection.texts == ("a", "a", "b", "b", "a", "c")
    assert task.collection.searched.texts == ("b", "b", "a", "c")
    assert task.facts()["collection_texts"] == 4


def test_which_way_is_said_where_the_roles_leave_it_open():
    with pytest.raises(DataError, match="not clear what asks"):
        Retrieval.from_rows(metier.read([{"image": path} for path in icons().image_files], image="image"))
