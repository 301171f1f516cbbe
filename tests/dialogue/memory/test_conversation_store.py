import sqlite3
import threading

import pytest

from metier.dialogue.memory import ConversationStore, StoreSettings
from metier.dialogue.memory.conversation_store import erase_remembered
from metier.errors import CallError, ConversationStoreError

SAID = [{"role": "user", "content": "My zebra is called Quagga."}, {"role": "assistant", "content": "Noted."}]


@pytest.fixture
def store(tmp_path):
    return ConversationStore(tmp_path / "memory.db")


def test_turns_come_back_in_their_order_also_after_a_restart(store):
    store.append("a", SAID)
    store.append("a", [{"role": "user", "content": "And then?"}, {"role": "assistant", "content": "Then so."}])
    again = ConversationStore(store.path)
    assert [turn["content"] for turn in again.turns("a")] == [
        "My zebra is called Quagga.",
        "Noted.",
        "And then?",
        "Then so.",
    ]


def test_two_conversations_never_see_each_other(store):
    store.append("a", SAID)
    store.append("b", [{"role": "user", "content": "hello"}])
    assert store.turns("b") == [{"role": "user", "content": "hello"}]
    assert store.turns("c") == []


def test_personal_data_is_masked_unless_it_is_to_be_kept(store, tmp_path):
    mail = [{"role": "user", "content": "write to jane.doe@example.com"}]
    store.append("a", mail)
    assert "jane.doe" not in store.turns("a")[0]["content"]
    plain = ConversationStore(tmp_path / "plain.db", StoreSettings(texts="plain"))
    plain.append("a", mail)
    assert plain.turns("a") == mail


def files(path):
    return b"".join(one.read_bytes() for one in path.parent.glob(path.name + "*"))


def test_what_is_erased_is_in_no_byte_of_the_files(store):
    store.append("a", SAID, subject="customer 7")
    store.append("b", [{"role": "user", "content": "Okapi"}], subject="customer 8")
    assert b"Quagga" in files(store.path)
    assert store.erase("customer 7") == 2
    assert store.turns("a") == []
    assert b"Quagga" not in files(store.path)
    assert b"Okapi" in files(store.path)
    assert store.erase("b") == 1  # By the name of the conversation.
    assert b"Okapi" not in files(store.path)


def test_names_do_not_stand_in_the_file(store):
    store.append("conversation-of-jane", SAID, subject="jane-doe")
    assert b"conversation-of-jane" not in files(store.path)
    assert b"jane-doe" not in files(store.path)


def test_old_turns_are_not_read_and_are_removed(store, monkeypatch):
    store.append("a", SAID)
    later = ConversationStore(store.path, StoreSettings(days=1))
    now = 10 * 86_400 + __import__("time").time()
    monkeypatch.setattr("metier.dialogue.memory.conversation_store.time.time", lambda: now)
    assert later.turns("a") == []
    later.append("b", SAID)
    with sqlite3.connect(store.path) as connection:
        assert connection.execute("SELECT count(*) FROM turns").fetchone() == (2,)


def test_turns_of_many_threads_are_all_kept_and_stay_together(store):
    def say(number):
        for time in range(5):
            words = f"{number}.{time}"
            store.append(
                "a", [{"role": "user", "content": words}, {"role": "assistant", "content": f"to {words}"}]
            )

    threads = [threading.Thread(target=say, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    said = [turn["content"] for turn in store.turns("a")]
    assert len(said) == 60
    assert all(reply == f"to {words}" for words, reply in zip(said[::2], said[1::2], strict=True))


def test_files_that_are_no_memory_are_refused_and_stay(tmp_path):
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE mine (x)")
    before = other.read_bytes()
    with pytest.raises(CallError, match="holds no memory"):
        ConversationStore(other)
    assert other.read_bytes() == before
    with pytest.raises(CallError, match="is a folder"):
        ConversationStore(tmp_path)
    with pytest.raises(CallError, match="There is no folder"):
        ConversationStore(tmp_path / "none" / "memory.db")
    with pytest.raises(CallError, match="There is no memory"):
        erase_remembered(tmp_path / "none.db", "a")
    assert not (tmp_path / "none.db").exists()


def test_a_broken_file_is_said(store):
    store.append("a", SAID)
    head = store.path.read_bytes()[:100]
    for one in store.path.parent.glob("memory.db-*"):
        one.unlink()
    store.path.write_bytes(head + b"\xff" * 4000)
    with pytest.raises(ConversationStoreError, match="cannot be used"):
        store.turns("a")
