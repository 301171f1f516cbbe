"""One entity named, the other inferred from its usual partner; for training and for prediction."""

import metier
from metier.data import iterate

ROWS = [{"text": "Acme bought Bolt.", "h": [0, 4], "t": [12, 16], "label": "buys"}] * 2


def test_the_tail_is_found_when_the_head_is_named():
    assert metier.read(ROWS, head="h").roles.tail == "t"
    assert next(iterate(ROWS, 8, head="h")).roles.tail == "t"
    assert next(iterate(ROWS, 8, tail="t")).roles.head == "h"


def test_a_head_of_an_unknown_name_still_finds_its_tail():
    rows = [{"text": row["text"], "first": row["h"], "tail": row["t"]} for row in ROWS]
    assert next(iterate(rows, 8, head="first")).roles.tail == "tail"
