import pyarrow as pa
import pytest

from metier.data import Roles, Rows
from metier.data.rows import COLUMN_TYPES
from metier.errors import MissingColumnError, MissingLabelError

SENTENCES = ["a sporadic T - cell leukaemia", "the ATM gene"]
PLACES = [{"start": 2, "end": 10, "type": None}, {"start": 4, "end": 7, "type": "gene"}]


def column(role, values):
    return pa.array(values, COLUMN_TYPES.get(role, pa.string()))


def rows_of(**roles):
    table = pa.table({name: column(name, values) for name, values in {"text": SENTENCES, **roles}.items()})
    return Rows(table, Roles("text", **{role: role for role in roles}), origin="notes.jsonl")


@pytest.mark.parametrize(
    ("role", "values", "expected"),
    [
        ("labels", [["a", "b"], []], [["a", "b"], []]),
        (
            "spans",
            [[{"start": 2, "end": 29, "label": "Disease"}], []],
            [[[2, 29, "Disease"]], []],
        ),
        ("head", PLACES, [[2, 10], [4, 7]]),
        ("tail", PLACES, [[2, 10], [4, 7]]),
        ("answers", [[{"text": "ATM", "start": 4}], []], [[{"text": "ATM", "start": 4}], []]),
        ("score", [0.5, -1], [0.5, -1.0]),
        ("text_pair", ["x", "y"], ["x", "y"]),
        ("messages", [[{"role": "user", "content": "hi"}]] * 2, [[{"role": "user", "content": "hi"}]] * 2),
    ],
)
def test_a_role_gives_its_values_as_tasks_take_them(role, values, expected):
    assert rows_of(**{role: values}).values(role) == expected


@pytest.mark.parametrize("role", ["label", "labels", "spans", "score", "target"])
def test_a_missing_target_is_reported_with_row_column_and_remedy(role):
    kinds = {"labels": ["a"], "spans": [], "score": 1.0}
    rows = rows_of(**{role: [kinds.get(role, "x"), None]})
    with pytest.raises(MissingLabelError, match=rf"1 of 2 rows .*no '{role}'.* row 2\. .*--drop-unlabelled"):
        rows.values(role)
    with pytest.raises(MissingLabelError, match=rf"no {role} column; it has: text\. .* with --(role )?{role}"):
        rows_of().values(role)


def test_a_missing_side_of_a_pair_is_filled_in_not_labelled():
    with pytest.raises(MissingLabelError, match=r"no 'text_pair'; the first is row 1\. Fill them in"):
        rows_of(text_pair=[None, "x"]).values("text_pair")
    with pytest.raises(MissingLabelError, match="--role text_pair=COLUMN"):
        rows_of().values("text_pair")


def test_a_role_with_a_missing_column_is_reported_with_its_flag():
    with pytest.raises(MissingColumnError, match="--role text_pair=COLUMN"):
        Rows(pa.table({"text": ["a"]}), Roles("text", text_pair="other"))


def test_every_input_and_target_is_part_of_the_fingerprint():
    plain = rows_of()
    prints = {
        plain.fingerprint,
        rows_of(target=["a", "b"]).fingerprint,
        rows_of(text_pair=["a", "b"]).fingerprint,
        rows_of(labels=[["a"], []]).fingerprint,
        rows_of(labels=[[], ["a"]]).fingerprint,
        rows_of(score=[1, 2]).fingerprint,
    }
    assert len(prints) == 6
    assert rows_of(group=["a", "b"]).fingerprint == plain.fingerprint


def test_the_targets_of_rows_are_known():
    assert rows_of(spans=[[], []], text_pair=["a", "b"], score=[1, 2]).roles.targets == ("spans", "score")
    assert rows_of().roles.targets == ()
