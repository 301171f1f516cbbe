"""Which answer belongs to which row."""

import pyarrow as pa
import pytest

from metier.assurance.row_matching import check_matched, match_rows
from metier.data import read
from metier.errors import DataError, MissingColumnError

ROWS = [
    {"id": "a1", "text": "my card is lost", "label": "card"},
    {"id": "a2", "text": "what is the rate", "label": "rate"},
    {"id": "a3", "text": "my card is lost", "label": "card"},
]


@pytest.fixture
def rows():
    return read(ROWS, text="text", label="label")


def test_ids_come_first_and_order_does_not_matter(rows):
    table = pa.table({"ID": ["a3", "a1", "a2"], "text": ["x", "y", "z"], "prediction": ["p", "q", "r"]})
    found = match_rows(rows, table, origin="b.csv")
    assert (found.by, found.columns) == ("id", ("id", "ID"))
    assert found.places.tolist() == [1, 2, 0]
    check_matched(found, rows, table, origin="b.csv")


def test_numbers_as_ids_are_the_same_in_any_type():
    rows = read(
        [{"id": n, "text": f"text {n} of it", "label": "ab"[n % 2]} for n in range(4)],
        text="text",
        label="label",
    )
    found = match_rows(rows, pa.table({"id": [3.0, 2.0, 1.0, 0.0], "prediction": list("abab")}), origin="b")
    assert found.places.tolist() == [3, 2, 1, 0]


def test_texts_that_repeat_are_matched_in_their_order(rows):
    table = pa.table(
        {"text": ["my card is lost ", "my card is lost", "what is the rate"], "prediction": list("xyz")}
    )
    found = match_rows(rows, table, origin="b.csv")
    assert (found.by, found.repeated) == ("text", 1)
    assert found.places.tolist() == [0, 2, 1]
    assert found.said("b.csv") == "b.csv: rows are matched by text; 1 repeated row in order (--match, --id)"


def test_without_either_the_position_counts_and_the_numbers_must_agree(rows):
    found = match_rows(rows, pa.table({"prediction": list("xyz")}), origin="b.csv")
    assert (found.by, found.places.tolist()) == ("position", [0, 1, 2])
    with pytest.raises(
        DataError, match=r"b\.csv has 2 rows and the rows has 3, and no column says which is which"
    ):
        match_rows(rows, pa.table({"prediction": list("xy")}), origin="b.csv")


def test_answers_to_other_rows_are_refused_with_counts_and_the_first_of_them(rows):
    table = pa.table({"id": ["a1", "a9"], "prediction": list("xy")})
    found = match_rows(rows, table, origin="b.csv")
    with pytest.raises(DataError) as error:
        check_matched(found, rows, table, origin="b.csv")
    assert "2 of 3 rows of the rows have no answer in it (row 2: 'a2', row 3: 'a3')" in str(error.value)
    assert "1 of its 2 rows are not in the rows (row 2: 'a9')" in str(error.value)
    assert "--common" in str(error.value)


def test_a_column_of_ids_that_is_named_must_be_in_both_and_differ(rows):
    with pytest.raises(MissingColumnError, match="--id"):
        match_rows(rows, pa.table({"key": list("xyz")}), origin="b.csv", id_column="key")
    twice = pa.table({"id": ["a1", "a2", "a2"], "prediction": list("xyz")})
    with pytest.raises(DataError, match=r"b\.csv, row 3: the id 'a2' stands there for the second time"):
        match_rows(rows, twice, origin="b.csv", id_column="id")
    # Unnamed, such a column is no column of ids; there is no text, so the position is left.
    assert match_rows(rows, twice, origin="b.csv").by == "position"
