"""Quality on parts of the test rows."""

import pyarrow as pa
import pytest

from metier.data.rows import Roles, Rows
from metier.selection import slices
from metier.selection.scores import Scores
from metier.selection.slices import FEWEST_ROWS, slice_facts
from metier.tasks.classification import Classification

ROWS = 400


@pytest.fixture(scope="module")
def held_out():
    """A tenth of the rows is Chinese; the channel `fax` and the long texts are where answers will be wrong."""
    texts = [
        "退款 还没有 到账" if row % 10 == 0 else "where is my money " + "now " * (row % 40)
        for row in range(ROWS)
    ]
    table = pa.table(
        {
            "text": texts,
            "label": ["yes" if row % 2 else "no" for row in range(ROWS)],
            "channel": ["fax" if row % 8 == 3 else "mail" if row % 2 else "chat" for row in range(ROWS)],
            "id": [f"row-{row}" for row in range(ROWS)],
            "rare": ["x" if row < FEWEST_ROWS - 1 else "y" for row in range(ROWS)],
        }
    )
    return Rows(table, Roles(text="text", label="label"))


@pytest.fixture(scope="module")
def judge(held_out):
    return Scores(Classification.from_labels(["no", "yes"]), held_out.labels)


def facts_of(judge, held_out, wrong):
    answers = [
        ("no" if label == "yes" else "yes") if row in wrong else label
        for row, label in enumerate(judge.targets)
    ]
    return slice_facts(judge, held_out, answers, random_state=0)


@pytest.fixture(scope="module")
def facts(judge, held_out):
    return facts_of(
        judge, held_out, {row for row in range(ROWS) if row % 8 == 3 and row % 16 != 3} | {0, 50, 101}
    )


def values(facts, by):
    return {str(one["value"]): one for one in facts["slices"] if one["by"] == by}


def test_a_bad_channel_is_the_worst_part_and_shown_so(facts):
    worst = facts["slices"][0]
    assert (worst["by"], worst["column"], worst["value"], worst["rows"]) == ("column", "channel", "fax", 50)
    assert worst["figure"]["value"] == 0.5
    assert worst["is_worse"]
    assert not values(facts, "column")["chat"]["is_worse"]


def test_parts_are_cut_by_language_length_column_and_label(facts):
    assert {one["by"] for one in facts["slices"]} == {"language", "length", "column", "label"}
    assert values(facts, "language")["zh"]["rows"] == ROWS // 10
    assert len(values(facts, "length")) == 4
    assert sum(one["rows"] for one in values(facts, "length").values()) == ROWS
    assert set(values(facts, "label")) == {"no", "yes"}


def test_parts_of_few_rows_and_columns_of_names_are_left_out(facts):
    assert all(one["rows"] >= FEWEST_ROWS for one in facts["slices"])
    assert "x" not in values(facts, "column")
    assert all(one["column"] != "id" for one in facts["slices"])


def test_intervals_are_widened_for_the_number_of_parts(judge, held_out, facts):
    assert facts["level"] == pytest.approx(1 - 0.05 / len(facts["slices"]))
    fax = values(facts, "column")["fax"]["figure"]
    assert fax["high"] - fax["low"] > 2 * 1.96 * (0.5 * 0.5 / 50) ** 0.5  # Of one interval of 95 %.


def test_no_part_is_called_worse_where_errors_are_drawn_at_random(judge, held_out):
    wrong = {row for row in range(ROWS) if (row * 7919) % 101 < 10}
    assert not any(one["is_worse"] for one in facts_of(judge, held_out, wrong)["slices"])


def test_few_rows_have_no_parts(judge, held_out):
    few = held_out.take(range(FEWEST_ROWS))
    assert slice_facts(judge.part(range(FEWEST_ROWS)), few, few.labels, random_state=0) is None


def test_of_very_many_texts_the_languages_of_some_are_looked_at(judge, held_out, monkeypatch):
    seen, detect = [], slices.detect_language
    monkeypatch.setattr(slices, "MOST_LANGUAGES", 300)
    monkeypatch.setattr(slices, "detect_language", lambda texts: seen.append(1) or detect(texts))
    found = values(facts_of(judge, held_out, {0}), "language")
    assert len(seen) == 300
    assert sum(one["rows"] for one in found.values()) == 300
    assert 20 <= found["zh"]["rows"] <= 40  # A tenth of all rows.


def test_one_language_is_no_part(judge, held_out, monkeypatch):
    english = held_out.take([row for row in range(ROWS) if row % 10])
    own = judge.part([row for row in range(ROWS) if row % 10])
    found = slice_facts(own, english, list(own.targets), random_state=0)
    assert values(found, "language") == {}
    monkeypatch.setattr(slices, "MOST_LANGUAGES", 50)
    found = slice_facts(own, english, list(own.targets), random_state=0)
    assert values(found, "language") == {}
