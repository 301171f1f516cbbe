"""The stored queue: what is added, given, labelled, taken back, settled and erased."""

import sqlite3
import threading
from contextlib import closing

import pytest

from metier.continual.queue.items import NewItem, same_answer
from metier.continual.queue.rounds import Watched
from metier.continual.queue.store import QueueStore
from metier.errors import CallError, QueueError


@pytest.fixture
def now():
    return [1_000.0]


@pytest.fixture
def queue(tmp_path, now):
    store = QueueStore(tmp_path / "queue.sqlite", clock=lambda: now[0])
    yield store
    store.close()


def rows(n, **more):
    return [NewItem("rows.csv", str(place), f"text {place}", **more) for place in range(n)]


def test_rows_are_added_once(queue):
    assert queue.add(rows(3)) == 3
    assert queue.add([*rows(4), *rows(4)]) == 1
    assert queue.counts() == {"waiting": 4}
    assert queue.known_ids("rows.csv") == {"0", "1", "2", "3"}


def test_texts_are_kept_masked_unless_told_otherwise(queue):
    queue.add([NewItem("a", "1", "write to joe@example.org")])
    queue.add([NewItem("a", "2", "write to joe@example.org")], mask=False)
    masked, plain = queue.items()
    assert "joe" not in masked.text
    assert plain.text == "write to joe@example.org"


def test_two_labellers_are_not_given_the_same_row(queue, now):
    queue.add(rows(2))
    first, second = queue.give("anna"), queue.give("bert")
    assert (first.id, second.id) == ("0", "1")
    assert queue.give("cleo") is None
    now[0] += 10_000  # Anna went home.
    assert queue.give("cleo").id == "0"


def test_urgent_rows_come_first(queue):
    queue.add(rows(2))
    queue.add([NewItem("review", "9", "answer me", urgent=1)])
    assert queue.give("anna").id == "9"


def test_a_label_decides_and_can_be_taken_back(queue):
    queue.add(rows(1))
    number = queue.give("anna").number
    assert queue.label(number, "anna", {"label": "card"}, seconds=2.5, comment="sure") == "decided"
    [item] = queue.decided()
    assert (item.answer, item.decided_by) == ({"label": "card"}, "anna")
    [said] = queue.labels(labeller="anna")
    assert (said.seconds, said.comment) == (2.5, "sure")
    assert queue.undo(number, "anna") == "waiting"
    assert queue.decided() == []
    assert queue.give("anna").number == number


def test_with_overlap_two_have_to_agree(queue):
    queue.set_overlap(1.0)
    queue.add(rows(3))
    states = []
    for number, other in zip((1, 2, 3), ("card", "loan", None), strict=True):
        assert queue.label(number, "anna", {"label": "card"}) == "labelled"
        states.append(queue.label(number, "bert", None if other is None else {"label": other}))
    assert states == ["decided", "disagreed", "decided"]
    queue.decide(2, {"label": "loan"}, "anna")
    assert queue.label(2, "anna", {"label": "card"}) == "decided"
    assert queue.find(2).answer == {"label": "loan"}


def test_an_overlap_set_later_reaches_what_one_has_labelled(queue):
    queue.add(rows(40))
    for number in range(1, 41):
        queue.label(number, "anna", {"label": "card"})
    queue.set_overlap(0.5)
    counts = queue.counts()
    assert 5 < counts["labelled"] < 35
    assert counts["labelled"] + counts["decided"] == 40
    given = queue.give("bert")
    assert given.state == "labelled"


def test_decided_rows_are_read_from_a_time_on(queue, now):
    queue.add(rows(3))
    for number in (3, 1, 2):
        now[0] += 10
        queue.label(number, "anna", {"label": "card"})
    assert [one.number for one in queue.decided()] == [3, 1, 2]
    assert [one.number for one in queue.decided(since=1_020.0)] == [1, 2]


def test_rows_about_somebody_are_erased_with_their_labels(queue, tmp_path):
    queue.add([NewItem("a", "1", "about her", subject="u1"), NewItem("a", "2", "about him", subject="u2")])
    queue.add([NewItem("watch", "3", "also her", subject_digest="d1")])
    queue.label(1, "anna", {"label": "card"})
    assert queue.erase("u1", digests=["d1"]) == 2
    assert [one.id for one in queue.items()] == ["2"]
    assert queue.labels() == []
    queue.close()
    assert b"about her" not in (tmp_path / "queue.sqlite").read_bytes()


def test_rounds_know_texts_by_keys_and_are_erased_with_their_subject(queue, tmp_path):
    other = QueueStore(f"{tmp_path / 'queue.sqlite'}#other")
    hers = queue.digest("u1")
    both = [Watched("t1", "card", (hers,)), Watched("t2", "loan", ("d2",)), Watched("t3", "card")]
    for store in (queue, queue, other):
        store.note_round("v1", both)
    assert [len(one.answers) for one in queue.rounds()] == [3, 3]
    assert not {"t1", "t2", "t3"} & set(queue.rounds()[0].answers)
    assert queue.rounds()[0].answers == other.rounds()[0].answers  # One secret, so that rounds can be compared.
    assert queue.erase("u1") == 0  # No row of hers is asked.
    assert [sorted(one.answers.values()) for one in (*queue.rounds(), *other.rounds())] == [
        ["card", "loan"]
    ] * 3
    queue.erase("somebody", digests=["d2"])
    assert [list(one.answers.values()) for one in (*queue.rounds(), *other.rounds())] == [["card"]] * 3
    other.close()


def test_what_was_erased_is_not_in_the_journal_either(queue, tmp_path):
    queue.add([NewItem("a", "1", "about her alone", subject="u1")])
    queue.erase("u1")
    assert not any(b"about her alone" in file.read_bytes() for file in tmp_path.iterdir())


def test_names_are_one_line_and_not_too_long(queue):
    queue.add(rows(1))
    for name in ("n" * 101, "anna\x1b[2J", "an\nna"):
        with pytest.raises(CallError, match="name of a labeller is one line"):
            queue.label(1, name, {"label": "card"})
    assert queue.label(1, " anna ", {"label": "card"}) == "decided"
    queue.add_labels(["👨\u200d\U0001f469\u200d\U0001f467", "\u0645\u06cc\u200c\u0631\u0648\u0645", "退款"])
    for name in ("", "two\nlines", "x" * 201, "\x07"):
        with pytest.raises(CallError, match="name of a label is one line"):
            queue.add_labels([name])
    assert len(queue.setting("labels")) == 3


def test_databases_of_other_programs_are_left_alone(tmp_path):
    path = tmp_path / "places.sqlite"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE bookmarks (url TEXT)")
    before = path.read_bytes()
    with pytest.raises(QueueError, match="has the tables bookmarks, and none of a queue"):
        QueueStore(path)
    assert path.read_bytes() == before
    with pytest.raises(CallError, match="is a folder"):
        QueueStore(tmp_path)
    with pytest.raises(CallError, match="There is no folder"):
        QueueStore(tmp_path / "missing" / "queue.sqlite")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["places.sqlite"]


def test_a_folder_may_have_the_sign_of_names(tmp_path):
    (tmp_path / "c#").mkdir()
    store = QueueStore(f"{tmp_path / 'c#' / 'queue.sqlite'}#tone")
    assert store.name == "tone"
    store.close()
    assert (tmp_path / "c#" / "queue.sqlite").is_file()


def test_queues_of_one_database_are_apart(tmp_path):
    topic, tone = (QueueStore(f"{tmp_path / 'watch.sqlite'}#{name}") for name in ("topic", "tone"))
    topic.add(rows(2))
    tone.add(rows(1))
    topic.change(labels=["a", "b"])
    assert (topic.counts(), tone.counts()) == ({"waiting": 2}, {"waiting": 1})
    assert (topic.setting("labels"), tone.setting("labels")) == (["a", "b"], None)
    for store in (topic, tone):
        store.close()


def test_several_processes_may_take_rows_at_once(tmp_path):
    path = tmp_path / "queue.sqlite"
    QueueStore(path).add(rows(40))
    taken = []

    def work(name):
        store = QueueStore(path)
        while (item := store.give(name)) is not None:
            taken.append(item.number)
            store.label(item.number, name, {"label": name})
        store.close()

    threads = [threading.Thread(target=work, args=(name,)) for name in ("anna", "bert", "cleo")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == list(range(1, 41))


def test_what_is_no_queue_is_said(tmp_path, queue):
    broken = tmp_path / "broken.sqlite"
    broken.write_bytes(b"no database at all, but long enough to be looked at" * 40)
    with pytest.raises(QueueError, match="The database of the queue"):
        QueueStore(broken)
    with pytest.raises(CallError, match="no row 7"):
        queue.label(7, "anna", {"label": "card"})
    with pytest.raises(CallError, match="name of its labeller"):
        queue.label(7, " ", {"label": "card"})
    with sqlite3.connect(tmp_path / "queue.sqlite") as database:
        assert database.execute("select count(*) from queue_labels").fetchone() == (0,)


def test_answers_are_the_same_whatever_their_order():
    assert same_answer({"labels": ["a", "b"]}, {"labels": ["b", "a"]})
    assert same_answer({"spans": [[0, 2, "x"], [4, 5, "y"]]}, {"spans": [(4, 5, "y"), (0, 2, "x")]})
    assert not same_answer({"label": "a"}, {"labels": ["a"]})
