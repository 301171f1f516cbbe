"""Labels are numbered once, whatever happens to their names."""

import pytest

from metier.continual.update.labels import Edits, LabelTable
from metier.errors import CallError


@pytest.fixture
def table():
    return LabelTable.of_names(["card", "rate", "age", "fee"])


def test_ids_are_never_given_again(table):
    edits = Edits.parse(["card=cards"], ["rate,fee=money"], ["age"])
    done = table.edited(edits, when="2026-05-01")
    after = done.table.with_new(["adult", "child"], when="2026-05-01", splits=["age"])
    assert {one.name: one.id for one in after.labels} == {
        "cards": 0, "rate": 1, "age": 2, "fee": 3, "money": 4, "adult": 5, "child": 6,
    }  # fmt: skip
    assert after.names == ["cards", "money", "adult", "child"]
    assert done.sources == ((0,), (1, 3))
    assert done.names == {"card": "cards", "rate": "money", "fee": "money", "age": None}
    assert after.labels[2].became == (5, 6)
    assert [after.now(one) for one in ("card", "rate", "age", "unheard")] == ["cards", "money", None, None]
    assert LabelTable.of_facts(after.facts) == after
    again = after.with_new(["age"], when="2026-06-01")
    assert again.labels[-1].id == 7
    assert again.now("age") == "age"


@pytest.mark.parametrize(
    ("edits", "said"),
    [
        ((["crad=cards"], [], []), "crad"),
        ((["card=rate"], [], []), "--merge card,rate=rate"),
        (([], ["rate=money"], []), "fewer than two"),
        (([], ["rate,fee=age"], []), "already"),
        (([], [], ["pin"]), "no label of the bundle"),
        ((["card"], [], []), "old=new"),
        ((["card=cards", "card=bank card"], [], []), "two names, 'cards' and 'bank card'"),
        ((["card=card"], [], []), "the name that it has"),
    ],
)
def test_what_cannot_be_done_is_said(table, edits, said):
    with pytest.raises(CallError, match=said):
        table.edited(Edits.parse(*edits), when="")
