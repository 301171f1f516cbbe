"""What a key may ask a minute, over several processes."""

import multiprocessing
from contextlib import suppress

import pytest

from metier.errors import CallError
from metier.serving.guards import rates
from metier.serving.guards.key_check import Caller
from metier.serving.guards.rates import Rates
from metier.serving.refusals import RefusalError

SLOW = Caller("slow", ("predict",), requests_per_minute=30, rows_per_minute=100)


@pytest.fixture
def clock(monkeypatch):
    now = [1_000.0]
    monkeypatch.setattr(rates.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def path(tmp_path):
    return tmp_path / "rates"


def taken(buckets, caller, n, **what):
    """How many of so many are let through."""
    done = 0
    for _ in range(n):
        with suppress(RefusalError):
            buckets.take(caller, **what)
            done += 1
    return done


def test_a_bucket_empties_and_fills_evenly(path, clock):
    buckets = Rates(path)
    assert taken(buckets, SLOW, 50, requests=1) == 30
    with pytest.raises(RefusalError) as refused:
        buckets.take(SLOW, requests=1)
    assert (refused.value.status, refused.value.headers) == (429, {"Retry-After": "2"})
    clock[0] += 10
    left = buckets.take(SLOW, requests=1)
    assert dict(left.headers("requests")) == {
        b"ratelimit-policy": b'"requests";q=30;w=60',
        b"ratelimit": b'"requests";r=4;t=52',
    }
    clock[0] += 3_600
    assert taken(buckets, SLOW, 50, requests=1) == 30


def test_rows_are_counted_apart_and_a_refusal_takes_nothing(path, clock):
    buckets = Rates(path)
    buckets.take(SLOW, rows=60)
    assert taken(buckets, SLOW, 1, rows=60) == 0
    assert taken(buckets, SLOW, 1, rows=40) == 1
    with pytest.raises(RefusalError) as refused:
        buckets.take(SLOW, rows=101)
    assert (refused.value.status, refused.value.code) == (413, "too_many_rows")
    assert taken(buckets, SLOW, 50, requests=1) == 30


def test_keys_do_not_share_and_one_without_limits_is_not_counted(path, clock):
    buckets = Rates(path)
    other = Caller("other", (), requests_per_minute=5)
    assert (taken(buckets, SLOW, 40, requests=1), taken(buckets, other, 40, requests=1)) == (30, 5)
    assert buckets.take(Caller("free", ()), requests=1) is None
    assert taken(buckets, other, 3, rows=1_000) == 3


def test_a_count_outlives_its_process_but_not_a_restart_of_the_machine(path, clock):
    assert taken(Rates(path), SLOW, 40, requests=1) == 30
    assert taken(Rates(path), SLOW, 40, requests=1) == 0
    clock[0] = 5.0  # The clock of the machine begins anew.
    assert taken(Rates(path), SLOW, 40, requests=1) == 30


def _ask(path, results):
    results.put(taken(Rates(path), SLOW, 100, requests=1))


def test_a_limit_holds_over_processes(path):
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    workers = [context.Process(target=_ask, args=(path, results)) for _ in range(2)]
    for one in workers:
        one.start()
    total = sum(results.get(timeout=60) for _ in workers)
    for one in workers:
        one.join(60)
    assert 30 <= total <= 35  # A few fill in meanwhile on a slow machine.


def test_where_no_file_can_be_made_is_told(tmp_path):
    with pytest.raises(CallError, match="cannot be kept in"):
        Rates(tmp_path / "missing" / "rates")
