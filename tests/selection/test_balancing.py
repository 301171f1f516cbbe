"""`--balance`: rows are repeated until no group has a label more often than another."""

from collections import Counter

import pytest

import metier
from metier.errors import CallError
from metier.selection.rows.balancing import balanced_positions

ROWS = [
    {"text": f"第{n}条", "label": label, "组": group, "id": n}
    for n, (group, label) in enumerate(
        [("男", "好")] * 60 + [("男", "坏")] * 15 + [("女", "好")] * 15 + [("女", "坏")] * 60
    )
]


def test_no_group_has_a_label_more_often_and_no_row_is_lost():
    rows = metier.read(ROWS, text="text", label="label")
    taken = balanced_positions(rows, "组")
    counted = Counter((ROWS[place]["组"], ROWS[place]["label"]) for place in taken)
    assert set(taken) == set(range(len(ROWS)))
    assert counted == {("男", "好"): 60, ("男", "坏"): 60, ("女", "好"): 60, ("女", "坏"): 60}


@pytest.mark.parametrize(("column", "said"), [("级", "no column '级'"), ("id", "has 150 values")])
def test_what_is_no_column_of_groups_is_refused(column, said):
    with pytest.raises(CallError, match=said):
        balanced_positions(metier.read(ROWS, text="text", label="label"), column)
