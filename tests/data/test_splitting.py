import itertools

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metier.data import near_duplicates, read, split_rows
from metier.data.splitting import groups_of
from metier.errors import CallError, DataError, MissingLabelError, RareLabelError


def parts_of(splits):
    return {name: list(getattr(splits, name).texts) for name in ("train", "validation", "test")}


def numbered(rows):
    """Rows with a column of row numbers."""
    table = rows.table.append_column("row", pa.array(range(len(rows))))
    return type(rows)(table, rows.roles, origin=rows.origin)


def distinct(n, label="x", start=0):
    """Texts that are not similar."""
    words = np.random.default_rng(start + 1).integers(10**8, 10**9, size=(n, 3))
    return [{"text": " ".join(map(str, row)), "label": label} for row in words]


def test_every_row_is_in_one_split_and_labels_are_stratified(banking):
    rows = numbered(read(banking / "train.csv"))
    splits = split_rows(rows, random_state=0)
    numbers = [part.table.column("row").to_pylist() for part in (splits.train, splits.validation, splits.test)]
    assert sorted(itertools.chain.from_iterable(numbers)) == list(range(len(rows)))
    assert [len(part) / len(rows) for part in numbers] == pytest.approx([0.7, 0.1, 0.2], abs=0.005)
    counts = {label: rows.labels.count(label) for label in set(rows.labels)}
    for label, count in counts.items():
        assert splits.test.labels.count(label) == pytest.approx(0.2 * count, abs=2)
        assert splits.validation.labels.count(label) == pytest.approx(0.1 * count, abs=2)
    assert any("stratified by label, with near duplicates kept together" in note for note in splits.notes)


def test_near_duplicates_stay_together(banking):
    rows = numbered(read(banking / "train.csv"))
    splits = split_rows(rows, random_state=0)
    side = np.empty(len(rows), dtype=int)
    for number, part in enumerate((splits.train, splits.validation, splits.test)):
        side[part.table.column("row").to_numpy()] = number
    groups = near_duplicates(rows.texts).groups()
    assert len(groups) > 100
    assert all(len(set(side[group])) == 1 for group in groups)
    # They must not all end up in training either.
    assert {int(side[group[0]]) for group in groups} == {0, 1, 2}


def test_the_split_depends_on_the_seed(titles):
    rows = read(titles / "dev.csv")
    same = [parts_of(split_rows(rows, random_state=7)) for _ in range(2)]
    assert same[0] == same[1]
    assert parts_of(split_rows(rows, random_state=8)) != same[0]


def test_given_splits_are_kept(banking):
    rows, test = read(banking / "train.csv"), read(banking / "test.csv")
    splits = split_rows(rows, test=test, random_state=0)
    assert splits.test is test
    assert len(splits.train) + len(splits.validation) == len(rows)
    both = split_rows(rows, test=test, validation=splits.validation, random_state=0)
    assert both.train is rows
    assert both.validation is splits.validation
    assert len(both.notes) == 2


def test_a_split_column_is_kept():
    source = [
        row | {"split": s}
        for row, s in zip(distinct(9), ["train"] * 5 + ["DEV"] * 2 + ["test"] * 2, strict=True)
    ]
    splits = split_rows(read(source), random_state=0)
    assert [len(part) for part in (splits.train, splits.validation, splits.test)] == [5, 2, 2]
    assert parts_of(splits)["validation"] == [row["text"] for row in source[5:7]]


def test_a_split_column_without_validation_gives_some_of_train():
    source = [row | {"split": "test" if n < 20 else "train"} for n, row in enumerate(distinct(100))]
    splits = split_rows(read(source), random_state=0)
    assert [len(part) for part in (splits.train, splits.validation, splits.test)] == [64, 16, 20]


@pytest.mark.parametrize(
    ("values", "message"),
    [(["train", "prod"], "'prod' .1 row[)].*--split none"), (["test", "test"], "no row with train")],
)
def test_a_split_column_of_other_values_is_refused(values, message):
    source = [row | {"part": value} for row, value in zip(distinct(2), values, strict=True)]
    with pytest.raises(DataError, match=message):
        split_rows(read(source, split="part"), random_state=0)


def test_test_rows_given_twice_are_refused():
    source = [
        row | {"split": s} for row, s in zip(distinct(4), ["train", "train", "train", "test"], strict=True)
    ]
    with pytest.raises(CallError, match="given twice"):
        split_rows(read(source), test=read(distinct(2, start=5)), random_state=0)


def test_no_group_is_in_two_splits():
    source = [row | {"label": "xyz"[n % 3], "group": n // 7} for n, row in enumerate(distinct(700))]
    splits = split_rows(read(source), random_state=0)
    groups = [set(part.column("group")) for part in (splits.train, splits.validation, splits.test)]
    assert len(set.union(*groups)) == sum(map(len, groups))
    assert [len(part) for part in groups] == pytest.approx([60, 20, 20], abs=3)
    for label in "xyz":
        assert splits.test.labels.count(label) == pytest.approx(0.2 * 700 / 3, abs=8)


def test_by_time_the_latest_rows_are_held_out():
    order = np.random.default_rng(0).permutation(100)
    source = [
        row | {"date": f"2026-{1 + n // 28:02d}-{1 + n % 28:02d}"}
        for n, row in zip(order, distinct(100), strict=True)
    ]
    splits = split_rows(read(source), random_state=0)
    train, validation, test = (part.column("time") for part in (splits.train, splits.validation, splits.test))
    assert max(train) < min(validation) < max(validation) < min(test)
    assert [len(part) for part in (train, validation, test)] == [60, 20, 20]
    assert any("the latest by date" in note for note in splits.notes)


def test_by_time_an_early_duplicate_moves_with_the_late_one():
    source = [row | {"time": n} for n, row in enumerate(distinct(50))]
    source.append(source[0] | {"time": 99})
    splits = split_rows(read(source), random_state=0)
    assert parts_of(splits)["test"].count(source[0]["text"]) == 2


def test_a_time_that_cannot_be_read_is_reported():
    source = [row | {"time": "2026-01-01"} for row in distinct(8)]
    source[5]["time"] = "soon"
    with pytest.raises(DataError, match=r"'soon' in row 6.*--time none"):
        split_rows(read(source), random_state=0)
    source[5]["time"] = ""
    with pytest.raises(DataError, match=r"has 1 row without 'time'; the first is row 6"):
        split_rows(read(source), random_state=0)


def test_a_label_with_one_row_is_reported_with_the_remedy():
    source = [*distinct(30), *distinct(1, "lonely", start=3)]
    with pytest.raises(RareLabelError, match=r"needs 3 rows.*'lonely' has 1.*--drop-rare"):
        split_rows(read(source), random_state=0)
    with pytest.raises(RareLabelError, match="needs 2 rows"):
        split_rows(read(source), test=read(distinct(3, start=9)), random_state=0)
    # Where all splits are given, no label is too rare.
    given_both = split_rows(
        read(source), test=read(distinct(3, start=9)), validation=read(distinct(3, start=8)), random_state=0
    )
    assert len(given_both.train) == 31


def test_three_rows_of_a_label_are_enough_for_every_part():
    source = [row for n, label in enumerate("abcd") for row in distinct(3, label, start=n)]
    splits = split_rows(read(source), random_state=0)
    assert [sorted(part.labels) for part in (splits.train, splits.validation, splits.test)] == [
        list("abcd")
    ] * 3


def test_rows_without_labels_are_split_at_random_and_missing_ones_refused():
    texts = [row["text"] for row in distinct(100)]
    splits = split_rows(read(texts), random_state=0)
    assert [len(part) for part in (splits.train, splits.validation, splits.test)] == [60, 20, 20]
    with pytest.raises(MissingLabelError, match="--drop-unlabelled"):
        split_rows(read([*distinct(20), {"text": "no label here", "label": None}]), random_state=0)


def test_a_split_that_would_be_empty_is_reported():
    source = [row | {"group": n % 2} for n, row in enumerate(distinct(40))]
    with pytest.raises(DataError, match="part would have no rows"):
        split_rows(read(source), random_state=0)


@pytest.mark.parametrize(
    "fractions", [{"test_fraction": 0}, {"validation_fraction": 1}, {"test_fraction": 0.95}]
)
def test_shares_that_leave_nothing_are_refused(fractions):
    with pytest.raises(CallError, match="fraction"):
        split_rows(read(distinct(30)), random_state=0, **fractions)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 30), st.sampled_from("ab")), min_size=30, max_size=60), st.integers(0, 5)
)
def test_duplicates_stay_together_and_no_row_is_lost(numbers, seed):
    words = distinct(31)
    rows = (
        [words[number] | {"label": label} for number, label in numbers]
        + distinct(9, "a", 50)
        + distinct(9, "b", 51)
    )
    splits = split_rows(read(rows), random_state=seed)
    parts = parts_of(splits)
    assert sorted(itertools.chain.from_iterable(parts.values())) == sorted(row["text"] for row in rows)
    sets = [set(part) for part in parts.values()]
    assert len(set.union(*sets)) == sum(map(len, sets))


def test_labels_of_one_row_can_stay_in_training():
    rows = read([*distinct(30, "a"), *distinct(30, "b", 30), *distinct(1, "rare", 60)])
    with pytest.raises(RareLabelError, match="--keep-rare"):
        split_rows(rows, random_state=0)
    splits = split_rows(rows, random_state=0, keep_rare=True)
    assert splits.train.labels.count("rare") == 1
    assert set(splits.test.labels) == set(splits.validation.labels) == {"a", "b"}
    assert any("rare only in training" in note for note in splits.notes)


def test_no_label_is_held_out_that_training_does_not_have():
    """All rows of a label can be of one group, or stand beside rarer labels."""
    source = [row | {"label": f"l{n // 25}", "group": f"g{n // 5}"} for n, row in enumerate(distinct(100))]
    source += [row | {"label": "own", "group": "one"} for row in distinct(106)[100:]]
    for seed in range(8):
        splits = split_rows(read(source), random_state=seed)
        assert set(splits.validation.labels) <= set(splits.train.labels)
        assert set(splits.test.labels) <= set(splits.train.labels)


def test_questions_about_one_passage_are_a_group_for_statistics():
    passages = ["Mount Etna is a volcano.", "The Nile is a river.", "Mount Etna is a volcano."]
    rows = [{"text": text, "question": f"What is it? {n}", "answers": "is"} for n, text in enumerate(passages)]
    questions = read(rows, text="text", question="question", answers="answers")
    assert groups_of(questions).tolist() == [0, 1, 0]
    assert groups_of(questions.take([0, 1])) is None, "every passage is asked about once"
