"""What is pushed is accepted once it is on the disk, given to the watch, and removed once that has stored it."""

import json
import sqlite3

import httpx
import pytest

from metier.errors import SourceError
from metier.monitoring.sources import build_source
from metier.monitoring.sources.push import PushSettings
from metier.serving.guards.key_file import create_key
from tests.source_reading import Reading

ONE = {"id": "a", "text": "good", "time": "2026-05-01T12:00:00Z"}


class Sending:
    """Sends to a source that listens."""

    def __init__(self, source):
        self.source, self.read = source, Reading(source)
        self.read()

    def __call__(self, body, *, key=None, **more):
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"X-API-Key": key} if key else {}
        return httpx.post(
            f"http://127.0.0.1:{self.source.port}/v1/messages",
            content=content,
            headers=headers,
            trust_env=False,
            **more,
        )


@pytest.fixture
def sending(tmp_path):
    opened = []

    def make(**more):
        source = build_source(PushSettings(port=0, spool=tmp_path / "pushed.sqlite", **more))
        opened.append(source)
        return Sending(source)

    yield make
    for source in opened:
        source.close()


def waiting(tmp_path):
    connection = sqlite3.connect(tmp_path / "pushed.sqlite")
    found = connection.execute("SELECT count(*) FROM waiting").fetchone()[0]
    connection.close()
    return found


def test_one_and_a_list_are_accepted_and_read_once(sending, tmp_path):
    send = sending()
    assert send(ONE).status_code == 202
    assert send([{**ONE, "id": "b"}, {**ONE, "id": "c"}]).json() == {"accepted": 2}
    assert send.read() == ["good"] * 3
    assert send.read() == []
    assert [one.id for one in send.read.messages] == ["a", "b", "c"]
    assert waiting(tmp_path) == 3
    send.source.acknowledge(send.read.position)
    assert waiting(tmp_path) == 0


def test_what_was_accepted_survives_the_process(sending, tmp_path):
    send = sending()
    send([ONE, {**ONE, "id": "b"}])
    send.source.close()
    again = sending()
    assert len(again.read.messages) == 2
    assert again(ONE).status_code == 202
    assert again.read() == ["good"]


def test_a_file_that_was_removed_is_not_taken_for_the_old_one(sending, tmp_path):
    send = sending()
    send([ONE] * 3)
    send.read()
    position = send.read.position
    send.source.close()
    (tmp_path / "pushed.sqlite").unlink()
    again = sending()
    again(ONE)
    assert [len(batch.messages) for batch in again.source.read(position)] == [1]


def test_cloud_events(sending):
    send = sending(columns={"by": {"from": "source", "shop": "shop"}})
    event = {
        "specversion": "1.0",
        "type": "review",
        "source": "/shop",
        "id": "7",
        "time": "2026-05-01T12:00:00Z",
    }
    assert send({**event, "data": {"text": "good", "shop": "north"}}).status_code == 202
    assert send({**event, "id": "8", "data": "plain"}).status_code == 202
    assert send.read() == ["good", "plain"]
    one, two = send.read.messages
    assert (one.id, one.by) == ("/shop 7", {"from": "/shop", "shop": "north"})
    assert two.id == "/shop 8"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "bad_json"),
        (b"\xff", 400, "bad_json"),
        (b"[" * 100_000, 400, "bad_json"),
        ([1], 422, "bad_message"),
        ([ONE, {"id": "b", "text": "no time"}], 422, "bad_message"),
        ({**ONE, "text": "x" * 60_000}, 422, "bad_message"),
        ({**ONE, "text": "x" * 300_000}, 413, "body_too_large"),
        ([ONE] * 11, 413, "too_many_messages"),
    ],
)
def test_what_is_refused_is_said_and_none_of_it_kept(sending, tmp_path, body, status, code):
    send = sending(max_body_bytes=200_000, longest_bytes=50_000, most_messages=10)
    answer = send(body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert waiting(tmp_path) == 0


def test_when_too_many_wait_it_says_when_to_come_again(sending):
    send = sending(most_waiting=2)
    assert send([ONE, ONE]).status_code == 202
    answer = send(ONE)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
    send.read()
    send.source.acknowledge(send.read.position)
    assert send(ONE).status_code == 202


def test_a_key_with_the_scope(sending, tmp_path):
    keys = tmp_path / "keys.json"
    pushes = create_key(keys, "shop", scopes=("push",)).key
    asks = create_key(keys, "asker", scopes=("predict",)).key
    send = sending(keys=keys)
    assert [send(ONE, key=key).status_code for key in (None, "mt_wrong", asks, pushes)] == [401, 401, 403, 202]


def test_a_port_that_is_taken_is_said(sending, tmp_path):
    send = sending()
    other = build_source(PushSettings(port=send.source.port, spool=tmp_path / "other.sqlite"))
    with pytest.raises(SourceError, match="cannot listen on"):
        list(other.read(None))
    other.close()
