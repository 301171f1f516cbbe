"""Keys are found right once, refused at once, and cost no more than one scrypt, whatever is sent."""

import asyncio
import multiprocessing
from datetime import timedelta

import pytest

from metier.serving.guards import key_check, key_file
from metier.serving.guards.key_check import KeyCheck
from metier.serving.guards.key_file import create_key, read_keys, revoke_keys, rotate_key
from metier.serving.refusals import RefusalError


@pytest.fixture
def check(key_path, new_key):
    """Ask with a key; gives the name of the caller, or the code of the refusal."""
    key_check_ = []

    def ask(*keys, header=b"authorization", scheme="Bearer "):
        async def all_of_them():
            asked = (one.caller({header: f"{scheme}{key}".encode()}) for key in keys)
            return await asyncio.gather(*asked, return_exceptions=True)

        if not key_check_:
            key_check_.append(KeyCheck(key_path))
        [one] = key_check_
        ask.n_hashed = lambda: one.n_hashed
        said = asyncio.run(all_of_them())
        told = [found.code if isinstance(found, RefusalError) else found.name for found in said]
        return told if len(told) > 1 else told[0]

    yield ask
    for one in key_check_:
        one.stop()


def wrong(key):
    return key[:-1] + ("A" if key[-1] != "A" else "B")


def test_a_right_key_is_hashed_once(check, new_key):
    key = new_key()
    assert [check(key) for _ in range(5)] == ["billing"] * 5
    assert check(key, header=b"x-api-key", scheme="") == "billing"
    assert check(key, scheme="bearer  ") == "billing"
    assert check.n_hashed() == 1


def test_many_first_requests_of_a_key_share_one_hash(check, new_key):
    assert check(*[new_key()] * 20) == ["billing"] * 20
    assert check.n_hashed() == 1


@pytest.mark.parametrize("sent", ["", "x", "mt_0123456789ab_" + "a" * 43, "密钥", "mt_" * 1000])
def test_an_unknown_prefix_costs_no_hash(check, new_key, sent):
    new_key()
    assert check(sent) == ("unknown_key" if sent else "missing_key")
    assert check(sent, scheme="Basic ") == "missing_key"
    assert check.n_hashed() == 0


def test_a_flood_of_wrong_keys_is_hashed_rarely_and_hinders_no_known_key(check, new_key):
    key, other = new_key(), new_key("other")
    assert check(key) == "billing"
    flood = [f"{key[:-3]}{number:03d}" for number in range(200)]
    said = check(*flood, key, other)
    assert said[-2:] == ["billing", "other"]
    assert set(said[:-2]) == {"unknown_key", "rate_limited"}
    assert check.n_hashed() <= 4
    assert check(flood[0]) == "unknown_key"  # It is remembered as wrong.


def test_an_old_key_works_on_until_its_overlap_ends(check, new_key, key_path):
    old = new_key()
    new = rotate_key(key_path, "billing", overlap=timedelta(days=7)).key
    assert check(old, new) == ["billing", "billing"]
    later = rotate_key(key_path, "billing", overlap=timedelta(0)).key
    assert check(old, new, later) == ["expired_key", "expired_key", "billing"]
    assert check(wrong(old)) == "unknown_key"  # Nobody learns of a key that it was one.


def test_a_revoked_key_is_refused_at_once(check, new_key, key_path):
    key = new_key()
    assert check(key) == "billing"
    revoke_keys(key_path, "billing")
    assert check(key) == "unknown_key"


def test_a_file_that_cannot_be_read_any_more_lets_nobody_in(check, new_key, key_path):
    key = new_key()
    assert check(key) == "billing"
    content = key_path.read_text()
    key_path.write_text(content[:-20])
    assert [check(key) for _ in range(2)] == ["no_keys"] * 2
    key_path.unlink()
    assert [check(key) for _ in range(2)] == ["no_keys"] * 2
    key_path.write_text(content)
    key_path.chmod(0o600)
    assert check(key) == "billing"


def test_what_is_remembered_is_bounded_and_forgotten(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(key_check.time, "monotonic", lambda: now[0])
    memory = key_check._Memory(3, 10.0)
    for number in range(5):
        memory.put(bytes([number]), str(number))
    assert [memory.get(bytes([number])) for number in range(5)] == [None, None, "2", "3", "4"]
    now[0] = 9.0
    assert memory.get(b"\x02") == "2"  # Used, so kept longer.
    now[0] = 15.0
    assert [memory.get(bytes([number])) for number in (2, 3)] == ["2", None]


def _create(path, first):
    for number in range(3):
        create_key(path, f"key{first + number}", ["reader"])


def test_two_writers_lose_no_key(key_path, monkeypatch):
    monkeypatch.setattr(key_file, "COST", {"n": 2, "r": 8, "p": 1})
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_create, args=(key_path, first)) for first in (0, 10)]
    for one in writers:
        one.start()
    for one in writers:
        one.join(60)
    assert {one.name for one in read_keys(key_path)} == {"key0", "key1", "key2", "key10", "key11", "key12"}
