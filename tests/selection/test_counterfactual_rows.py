"""Rows of `--augment identity` differ from their source in a word on purpose, and are still no copies of held-out rows."""

import metier
from metier.selection.rows.augmented_rows import augment_rows
from metier.text.augmentation import Augmentation, build_way

LONG = "said that the parcel of last week came two days late and that the box was open on one side when it came"
WAYS = [(Augmentation("identity"), build_way(Augmentation("identity"), synonyms={}))]


def rows_of(*texts):
    return metier.read(
        [{"text": text, "label": "ab"[n % 2]} for n, text in enumerate(texts)], text="text", label="label"
    )


def test_one_word_suffices_where_it_is_meant():
    made = augment_rows(rows_of(f"He {LONG}", "nobody is named here"), WAYS)
    assert list(made.rows.texts[2:]) == [f"She {LONG}"]


def test_a_text_that_stands_there_already_or_is_held_out_is_not_added():
    assert augment_rows(rows_of(f"He {LONG}", f"She {LONG}"), WAYS).n_made == 0
    held = rows_of(f"She {LONG}.", "another one")
    assert augment_rows(rows_of(f"He {LONG}", "nobody"), WAYS, held_out=[held]).n_made == 0
