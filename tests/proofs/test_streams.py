"""Redis, a broker of Kafka's protocol and PostgreSQL, run for real: each message is stored once, whoever is killed."""

import asyncio
import json
import random
import signal
import subprocess
import sys
import threading
import time

import pytest
from sqlalchemy import create_engine, text

from metier.monitoring.sources import build_source
from metier.monitoring.sources.redis_stream import RedisSettings
from metier.monitoring.store.watch_store import WatchStore
from tests.real_servers import kafka_broker, postgresql, redis_server

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")]
KILLS = 5
# A watch that reads to the end, and is killed after a batch is stored, before its source hears of it.
WATCH = """
import json, os, signal, sys, threading
from pathlib import Path
from metier.monitoring.opening import opened_watch
from metier.monitoring.watch_settings import check_watch_settings

settings = check_watch_settings(json.loads(sys.argv[1]), folder=Path(sys.argv[2]))
left = [int(sys.argv[3])]
with opened_watch(settings) as watch:
    for turn in watch._turns:
        def acknowledge(position, tell=turn.source.acknowledge):
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            tell(position)
        turn.source.acknowledge = acknowledge
    print(json.dumps(vars(watch.run_once(threading.Event()))))
"""


def command(folder, source, *, kill_at=0, store="watch.sqlite"):
    told = {"store": store, "sources": [{**source, "batch_messages": 20}], "poll_seconds": 0.1}
    return [sys.executable, "-W", "error", "-c", WATCH, json.dumps(told), str(folder), str(kill_at)]


def watched(folder, source, **more):
    """Run a watch to its end; None: it was killed, as it was asked."""
    done = subprocess.run(command(folder, source, **more), capture_output=True, text=True, timeout=300)
    if done.returncode == -signal.SIGKILL:
        return None
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def stored(folder, where="watch.sqlite"):
    store = WatchStore(where if "://" in where else folder / where)
    ids = [one.id for batch in store.messages() for one in batch]
    store.close()
    return ids


def facts(number):
    words = " ".join(f"{number * 7919 + place * 104729:x}" for place in range(8))
    return {"id": str(number), "text": words, "time": 1_777_636_800 + number}


def killed_and_finished(folder, source, store="watch.sqlite"):
    """Kill the watch after its first, second, ... batch of what is left, then let it end; gives what was known."""
    for number in range(KILLS):
        assert watched(folder, source, kill_at=1 + number % 2, store=store) is None
    return watched(folder, source, store=store)


@pytest.fixture
def redis(tmp_path):
    client = pytest.importorskip("redis", reason="needs metier[redis]")
    with redis_server(tmp_path) as url, client.Redis.from_url(url) as connection:
        yield url, connection


def fill(connection, numbers, stream="reviews"):
    for number in numbers:
        connection.xadd(stream, {name: str(value) for name, value in facts(number).items()})


def test_redis_killed_between_store_and_acknowledge(redis, tmp_path):
    url, connection = redis
    fill(connection, range(300))
    source = {"kind": "redis", "url": url, "stream": "reviews", "consumer": "one"}
    ended = killed_and_finished(tmp_path, source)
    assert sorted(stored(tmp_path), key=int) == [str(number) for number in range(300)]
    assert ended["known"] >= 20
    assert connection.xpending("reviews", "metier")["pending"] == 0


def test_redis_two_consumers_share_a_stream_and_one_takes_over_what_the_other_left(redis, tmp_path):
    url, connection = redis
    for name in "ab":
        (tmp_path / name).mkdir()
    source = {"kind": "redis", "url": url, "stream": "reviews", "claim_seconds": 0.2}
    fill(connection, range(200))
    assert watched(tmp_path / "a", {**source, "consumer": "a"}, kill_at=3) is None
    pending = connection.xpending("reviews", "metier")["pending"]
    assert pending == 20
    threads = [
        threading.Thread(target=watched, args=(tmp_path / name, {**source, "consumer": name})) for name in "bc"
    ]
    (tmp_path / "c").mkdir()
    fill(connection, range(200, 600))
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    by_store = [stored(tmp_path / name) for name in "abc"]
    assert {id for ids in by_store for id in ids} == {str(number) for number in range(600)}
    assert sum(map(len, by_store)) == 600 + pending  # What the dead one had stored and not acknowledged, alone.
    assert connection.xpending("reviews", "metier")["pending"] == 0


def test_redis_says_what_was_trimmed_and_what_is_broken(redis):
    url, connection = redis
    source = build_source(RedisSettings(url=url, stream="reviews", consumer="one"))
    fill(connection, range(3))
    next(source.read(None))  # Handed out, and not acknowledged.
    connection.xtrim("reviews", 1, approximate=False)
    connection.xadd("reviews", {b"text": b"caf\xe9", b"time": b"1"})
    connection.xadd("reviews", {b"text": b"x" * 10_000_000, b"time": b"1"})
    batches = list(source.read(None))
    assert [one.id for batch in batches for one in batch.messages] == ["2"]
    reasons = " ".join(one.reason for batch in batches for one in batch.refused)
    assert reasons.count("deleted or trimmed") == 2
    assert "is not UTF-8" in reasons
    assert "10,000,001 bytes" in reasons
    connection.flushall()  # A server that comes back without what it had.
    fill(connection, [7])
    assert [one.id for batch in source.read(None) for one in batch.messages] == ["7"]
    source.close()


@pytest.fixture
def broker():
    pytest.importorskip("aiokafka", reason="needs metier[kafka]")
    with kafka_broker() as where:
        yield where


def produce(where, values, *, partitions=0):
    import aiokafka
    from aiokafka.admin import AIOKafkaAdminClient, NewTopic

    async def run():
        if partitions:
            admin = AIOKafkaAdminClient(bootstrap_servers=where)
            await admin.start()
            await admin.create_topics([NewTopic("reviews", partitions, 1)])
            await admin.close()
        producer = aiokafka.AIOKafkaProducer(bootstrap_servers=where, max_request_size=20_000_000)
        await producer.start()
        for number, value in enumerate(values):
            await producer.send_and_wait("reviews", value, partition=number % 2)
        await producer.stop()

    asyncio.run(run())


def as_json(numbers):
    return [json.dumps(facts(number)).encode() for number in numbers]


def test_kafka_killed_between_store_and_commit(broker, tmp_path):
    broken = [b"{", b"caf\xe9", b"[1]", b'{"text": "no time"}', b'{"text": "' + b"x" * 2_000_000 + b'"}']
    produce(broker, [*as_json(range(300)), *broken], partitions=2)
    source = {"kind": "kafka", "servers": broker, "topic": "reviews"}
    ended = killed_and_finished(tmp_path, source)
    assert sorted(stored(tmp_path), key=int) == [str(number) for number in range(300)]
    assert ended["refused"] == len(broken)
    produce(broker, as_json(range(300, 310)))
    assert watched(tmp_path, source)["messages"] == 10


def test_kafka_two_consumers_and_a_rebalance(broker, tmp_path):
    produce(broker, as_json(range(200)), partitions=2)
    source = {"kind": "kafka", "servers": broker, "topic": "reviews"}
    for name in "ab":
        (tmp_path / name).mkdir()
    running = [
        subprocess.Popen(
            command(tmp_path / name, source), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        for name in "ab"
    ]
    for one in running:
        _, said = one.communicate(timeout=300)
        assert one.returncode == 0, said
    produce(broker, as_json(range(200, 240)))
    watched(tmp_path / "b", source)
    by_store = [stored(tmp_path / name) for name in "ab"]
    assert {id for ids in by_store for id in ids} == {str(number) for number in range(240)}
    assert all(len(ids) == len(set(ids)) for ids in by_store)


@pytest.fixture(scope="module")
def database():
    pytest.importorskip("psycopg", reason="needs metier[postgresql]")
    with postgresql() as url:
        yield url


def test_postgresql_rows_that_are_committed_late_are_not_lost(database, tmp_path):
    engine = create_engine(database)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE reviews (id serial PRIMARY KEY, text text, time timestamptz)"))
    committed = []

    def write(seed):
        drawn = random.Random(seed)
        for number in range(60):
            with engine.connect() as connection:
                row = {"text": facts(1000 * seed + number)["text"]}
                asked = text("INSERT INTO reviews (text, time) VALUES (:text, now()) RETURNING id")
                id = connection.execute(asked, row).scalar_one()
                time.sleep(drawn.random() * 0.05)  # While others take higher numbers and commit.
                if drawn.random() < 0.2:
                    connection.rollback()
                else:
                    connection.commit()
                    committed.append(str(id))

    threads = [threading.Thread(target=write, args=(seed,)) for seed in range(4)]
    for one in threads:
        one.start()
    source = {"kind": "sql", "url": database, "table": "reviews"}
    kills = 0
    while any(one.is_alive() for one in threads):
        kills += watched(tmp_path, source, kill_at=2, store=database) is None
    for one in threads:
        one.join()
    watched(tmp_path, source, store=database)
    assert sorted(stored(tmp_path, database), key=int) == sorted(committed, key=int)
    assert len(committed) > 100
    engine.dispose()
