"""What each key of the page does, without a terminal."""

import pytest

from metier.continual.labelling.feeds import DisagreedRows, OwnRows
from metier.continual.labelling.page import Page
from metier.continual.queue import NewItem, QueueStore

LABELS = ["card", "loan", "other"]


@pytest.fixture
def queue(tmp_path):
    store = QueueStore(tmp_path / "queue.sqlite")
    yield store
    store.close()


def fill(queue, n=3, **more):
    more = {"suggestion": {"label": "loan", "probability": 0.6}} | more
    queue.add([NewItem("rows", str(place), f"text {place}", **more) for place in range(n)])


def page(queue, labels=LABELS, kind="label", who="anna", **more):
    return Page(OwnRows(queue, who), labels, kind, **more)


def press(shown, *keys):
    for key in keys:
        shown.press(key)
    return shown.view()


def answers(queue):
    return [(one.item, one.answer) for one in queue.labels()]


def test_a_key_answers_and_the_next_row_comes(queue):
    fill(queue)
    shown = page(queue)
    assert [(one.key, one.label, one.is_chosen) for one in shown.view().options] == [
        ("1", "card", False),
        ("2", "loan", True),
        ("3", "other", False),
    ]
    view = press(shown, "1", "enter")
    assert view.item.id == "2"
    assert answers(queue) == [(1, {"label": "card"}), (2, {"label": "loan"})]
    assert (view.n_done, view.n_left) == (2, 1)


def test_time_is_measured_from_when_a_row_is_shown(queue):
    fill(queue)
    clock = iter([10.0, 12.5, 12.5, 5_000.0, 5_000.0])
    press(page(queue, clock=lambda: next(clock)), "1", "2")
    assert [one.seconds for one in queue.labels()] == [2.5, 600.0]


def test_undo_takes_back_and_shows_the_row_again(queue):
    fill(queue)
    shown = page(queue)
    assert press(shown, "1", "2", "u").item.id == "1"
    assert answers(queue) == [(1, {"label": "card"})]
    assert press(shown, "undo", "u").message == "There is nothing to take back."
    assert answers(queue) == []


def test_back_shows_an_earlier_row_and_a_new_answer_replaces_the_old(queue):
    fill(queue)
    view = press(page(queue), "1", "2", "b", "b")
    assert (view.item.id, view.before) == ("0", {"label": "card"})
    shown = page(queue)
    press(shown, "3")
    queue.add([NewItem("rows", "9", "more")])
    assert press(shown, "b").item.id == "2"
    press(shown, "1")
    assert answers(queue)[-1] == (3, {"label": "card"})


def test_a_skipped_row_does_not_come_again(queue):
    fill(queue, 2)
    view = press(page(queue), "space", "s")
    assert view.item is None
    assert queue.counts() == {"skipped": 2}


def test_a_comment_is_stored_with_the_answer(queue):
    fill(queue)
    press(page(queue), "c", *"no", "space", *"q", "backspace", *"card", "enter", "1")
    assert queue.labels()[0].comment == "no card"


def test_quit_closes_and_gives_the_row_to_others(queue):
    fill(queue, 1)
    shown = page(queue)
    press(shown, "q")
    assert shown.is_closed
    assert queue.give("bert").id == "0"


def test_what_measures_is_labelled_without_the_models_answer(queue):
    fill(queue, 1, is_audit=True)
    view = page(queue).view()
    assert view.suggestion is None
    assert not any(one.is_chosen for one in view.options)
    queue.set_overlap(1.0)
    fill(queue, 2)
    shown = page(queue)
    assert press(shown, "1").suggestion is None
    assert "no answer to accept" in press(shown, "enter").message


def test_many_labels_are_searched_by_typing(queue):
    names = [
        f"{kind}_{thing}"
        for kind in ("lost", "stolen", "broken")
        for thing in ["card", "phone", "pin", "key", "bag", "coat", "hat"]
    ]
    fill(queue, suggestion={"label": "broken_hat", "probability": 0.5, "probabilities": {"lost_pin": 0.3}})
    shown = page(queue, names)
    assert [one.label for one in shown.view().options[:2]] == ["broken_hat", "lost_pin"]
    view = press(shown, *"pin", "space", *"sto")
    assert (view.asks, view.typed, [one.label for one in view.options]) == ("search", "pin sto", ["stolen_pin"])
    press(shown, "enter")
    assert answers(queue) == [(1, {"label": "stolen_pin"})]
    # Letters search, so that commands are capitals.
    assert press(shown, *"zzz", "enter").typed == "zzz"
    assert press(shown, "escape", "U").item.id == "0"


def test_chinese_labels_are_searched_too(queue):
    names = [f"类别{number}" for number in range(30)] + ["退款申请"]
    fill(queue, suggestion=None)
    press(page(queue, names), "退", "款", "enter")
    assert answers(queue) == [(1, {"label": "退款申请"})]


def test_a_label_that_is_new_is_added(queue):
    fill(queue)
    told = []
    view = press(page(queue, add_label=told.append), "n", *"fraud", "enter", "4")
    assert told == ["fraud"]
    assert view.item.id == "1"
    assert answers(queue) == [(1, {"label": "fraud"})]


def test_a_label_that_cannot_be_one_is_refused_and_the_page_goes_on(queue):
    fill(queue)
    view = press(page(queue, add_label=lambda name: queue.add_labels([name])), "n", *("x" * 201), "enter")
    assert view.message.startswith("The name of a label is one line")
    assert len(view.options) == 3
    assert view.item.id == "0"


def test_a_row_that_was_erased_meanwhile_is_said_and_the_next_comes(queue):
    fill(queue, 2, subject="u1")
    queue.add([NewItem("rows", "9", "not of hers")])
    shown = page(queue)
    press(shown, "1")
    queue.erase("u1")
    view = press(shown, "1")
    assert "It may have been erased" in view.message
    assert view.item.id == "9"
    assert "It may have been erased" in press(shown, "u").message
    press(shown, "1")
    assert [one.id for one in queue.decided()] == ["9"]


def test_sets_of_labels_are_put_together(queue):
    fill(queue, suggestion={"labels": ["card"]})
    press(page(queue, kind="labels"), "1", "2", "3", "enter", "enter")
    assert answers(queue) == [(1, {"labels": ["loan", "other"]}), (2, {"labels": ["card"]})]


TEXT = "Zelta beats Orbix and zelta again"


def test_suggested_spans_are_removed_and_taken_back(queue):
    queue.add([NewItem("a", "1", TEXT, suggestion={"spans": [[0, 5, "BRAND"], [12, 17, "BRAND"]]})])
    shown = page(queue, ["BRAND", "PLACE"], "spans")
    assert [one.is_kept for one in press(shown, "1").marks] == [False, True]
    press(shown, "1", "2", "enter")
    assert answers(queue) == [(1, {"spans": [[0, 5, "BRAND"]]})]


def test_a_span_is_added_by_its_words(queue):
    queue.add([NewItem("a", "1", TEXT, suggestion={"spans": [[0, 5, "BRAND"]]})])
    shown = page(queue, ["BRAND", "PLACE"], "spans")
    view = press(shown, "a", *"Zelta")
    assert (view.asks, view.typed) == ("words", "Zelta")
    # The first place is covered, so that the other in lower case is meant.
    assert [one.label for one in press(shown, "enter").options] == ["BRAND", "PLACE"]
    press(shown, "2", "enter")
    assert answers(queue) == [(1, {"spans": [[0, 5, "BRAND"], [22, 27, "PLACE"]]})]


def test_words_that_are_not_there_and_spans_that_overlap_are_refused(queue):
    queue.add([NewItem("a", "1", TEXT, suggestion={"spans": [[0, 5, "BRAND"]]})])
    shown = page(queue, ["BRAND"], "spans")
    assert "'q' are not in the text" in press(shown, "a", "q", "enter").message
    press(shown, "1", "a", *"Zelta beats", "enter")
    assert "Another span is there" in press(shown, "1").message
    press(shown, "enter")
    assert answers(queue) == [(1, {"spans": [[0, 11, "BRAND"]]})]


def test_signs_of_commands_may_be_typed_into_words(queue):
    queue.add([NewItem("a", "1", "is C++ better? 全角\u3000空格 😀👍")])
    shown = page(queue, ["LANGUAGE"], "spans")
    assert press(shown, "+").shows_all
    view = press(shown, "a", *"C++", "space", *"better?", "enter")
    assert (view.shows_all, view.shows_keys) == (True, False)
    press(shown, "a", *"全角\u3000空格", "enter", "a", *"😀👍", "enter", "enter")
    [(_, answer)] = answers(queue)
    assert [shown_text(queue, *one) for one in answer["spans"]] == ["C++ better?", "全角\u3000空格", "😀👍"]


def shown_text(queue, start, end, _):
    return queue.items()[0].text[start:end]


def test_disagreements_are_settled_with_both_answers_in_sight(queue):
    queue.set_overlap(1.0)
    fill(queue, 1)
    for who, key in (("anna", "1"), ("bert", "2")):
        press(page(queue, who=who), key)
    shown = Page(DisagreedRows(queue, "cleo"), LABELS, "label")
    assert [(one.labeller, one.answer["label"]) for one in shown.view().said] == [
        ("anna", "card"),
        ("bert", "loan"),
    ]
    assert press(shown, "2").item is None
    assert (queue.find(1).answer, queue.find(1).decided_by) == ({"label": "loan"}, "cleo")
    press(shown, "u")
    assert queue.counts() == {"disagreed": 1}
