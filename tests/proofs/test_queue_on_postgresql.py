"""The queue on a real PostgreSQL server: the same as on SQLite, several labellers at once, older schemas upgraded."""

import threading

import pytest
from sqlalchemy import create_engine, text

from metier.continual.queue import NewItem, QueueStore
from metier.continual.queue.rounds import Watched
from metier.errors import CallError, QueueError
from tests.continual.queue.test_schema import PLAIN, make_older
from tests.real_servers import postgresql

# Connections of the pools are left to the end of the process.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")]
pytest.importorskip("psycopg", reason="needs metier[postgresql]")
TEXTS = ("my card\0 never came", "是否可以退款 \ud83d", "mail joe@example.org \U0001f600" + "x" * 10_000)
LONG = "a" * 100


@pytest.fixture(scope="module")
def url():
    """The URL of a server of its own on this machine."""
    with postgresql() as found:
        yield found


def run(where):
    """Fill, label, disagree, settle, take back and erase; give all that the queue holds then."""
    store = QueueStore(f"{where}#topic", clock=lambda: 1_000.0)
    rows = [
        NewItem("rows.csv", str(n), TEXTS[n % 3], (("random", "Drawn by chance."),), subject=f"u{n % 4}")
        for n in range(24)
    ]
    assert (store.add(rows), store.add(rows)) == (24, 0)
    store.set_overlap(1.0)
    store.add_labels(["card", "退款"])
    for who, answer in ((LONG, "card"), ("b" * 100, "card"), ("安娜", "退款")):
        for _ in range(6):
            item = store.give(who)
            store.label(item.number, who, {"label": answer}, seconds=2.0, comment="看不懂")
    for item in store.items("disagreed")[:2]:
        store.decide(item.number, {"label": "card"}, "judge")
    store.undo(1, LONG)
    with pytest.raises(CallError, match="no row 999"):
        store.label(999, "anna", {"label": "card"})
    keys = [Watched(str(n), "card", (store.digest(f"u{n % 4}"),)) for n in range(60)]
    store.note_round("v1", keys)
    erased = store.erase("u1")
    found = (
        erased,
        store.counts(),
        [(one.number, one.text, one.state, one.answer, one.decided_by) for one in store.items()],
        [(one.item, one.labeller, one.answer, one.comment) for one in store.labels()],
        [len(one.answers) for one in store.rounds()],
        store.setting("labels"),
    )
    store.close()
    return found


def test_the_same_as_on_sqlite(url, tmp_path):
    found = run(url)
    assert found == run(tmp_path / "queue.sqlite")
    assert (found[0], found[4]) == (6, [45])


def test_labellers_at_once_are_given_each_row_once(url):
    where, taken = f"{url}#many", []
    QueueStore(where).add([NewItem("rows.csv", str(n), f"text {n}") for n in range(40)])

    def work(name):
        store = QueueStore(where)
        while (item := store.give(name)) is not None:
            taken.append(item.number)
            store.label(item.number, name, {"label": name})
        store.close()

    threads = [threading.Thread(target=work, args=(name,)) for name in ("anna", "bert", "cleo")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == len(set(taken)) == 40


def test_an_older_queue_is_upgraded_and_a_newer_one_refused(url):
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("CREATE DATABASE older"))
    older = url.rsplit("/", 1)[0] + "/older"
    make_older(older)
    store = QueueStore(f"{older}#topic")
    assert [one.id for one in store.items()] == [PLAIN]
    assert [PLAIN in one.answers for one in store.rounds()] == [False]
    store.close()
    engine.dispose()
    engine = create_engine(older)
    with engine.begin() as connection:
        connection.execute(text("UPDATE queue_schema SET version_num = '0009'"))
    engine.dispose()
    with pytest.raises(QueueError, match="schema 0009 of a later version"):
        QueueStore(older)
