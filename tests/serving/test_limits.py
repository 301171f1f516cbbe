"""What one caller, or three hundred, can send to a service: each limit answers with its status, and nobody else waits."""

import contextlib
import json
import re
import socket
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from metier.cli.serve import LIMITS
from metier.errors import quoted, suggest
from metier.serving import ServingSettings, build_app
from metier.serving.refusals import RefusalError
from metier.serving.request_reading import read_request
from metier.tasks.inputs import CONVERSATION, PAIR, TEXT

SETTINGS = ServingSettings()
SEVEN_MB = 7_000_000


def filled(item):
    return b",".join([item] * (SEVEN_MB // (len(item) + 1)))


GARBAGE = {
    "numbers": (b'{"texts":[' + filled(b"1") + b"]}", 413, "too_many_values"),
    "objects": (b'{"texts":[' + filled(b"{}") + b"]}", 413, "too_many_values"),
    "empty rows": (b'{"rows":[' + filled(b"{}") + b"]}", 413, "too_many_values"),
    "a list for a number": (b'{"text":"a","top":[' + filled(b"[]") + b"]}", 413, "too_many_values"),
    "a name": (b'{"' + b"n" * SEVEN_MB + b'":1}', 422, "unknown_field"),
    "a key of a row": (b'{"rows":[{"' + b"n" * SEVEN_MB + b'":1}]}', 422, "bad_request"),
    "a value of a row": (b'{"text":"a","text_pair":{"a":"' + b"v" * 99_000 + b'"}}', 422, "bad_request"),
    "commas": (b'{"text":"' + b"," * SEVEN_MB + b'"}', 413, "text_too_long"),
    "quoted commas": (b'{"text":"' + b'\\",' * (SEVEN_MB // 3) + b'"}', 413, "text_too_long"),
    "depth": (b'{"text":' + b"[" * SEVEN_MB, 413, "too_many_values"),
    "some depth": (b'{"text":' + b"[" * 1_000 + b"]" * 1_000 + b"}", 400, "bad_json"),
    "a number": (b'{"top":' + b"9" * SEVEN_MB + b"}", 400, "bad_json"),
    "no number": (b'{"text":"a","top":NaN}', 400, "bad_json"),
}


def peak_megabytes():
    return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1024


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_costs_little_and_is_not_sent_back(name):
    body, status, code = GARBAGE[name]
    Path("/proc/self/clear_refs").write_text("5")  # Resets the peak.
    before, begun = peak_megabytes(), time.perf_counter()
    with pytest.raises(RefusalError) as caught:
        read_request(body, SETTINGS, PAIR)
    assert time.perf_counter() - begun < 1
    assert peak_megabytes() - before < 100
    assert (caught.value.status, caught.value.code) == (status, code)
    assert len(f"{caught.value} {caught.value.field}") < 500


def test_the_first_wrong_item_ends_the_reading():
    with pytest.raises(RefusalError) as caught:
        read_request(b'{"texts": ["a", 1, {}, null]}', SETTINGS)
    assert (caught.value.status, caught.value.field) == (422, "texts.1")


def test_commas_in_texts_are_no_values():
    body = json.dumps({"texts": ['"a,b\\,[{' * 1000] * 100}).encode()
    assert body.count(b",") > 100_000
    assert len(read_request(body, SETTINGS).items) == 100


def test_a_request_has_at_most_so_many_characters():
    settings = ServingSettings(max_request_characters=5)
    assert len(read_request(b'{"texts": ["abc", "de"]}', settings).items) == 2
    with pytest.raises(RefusalError) as caught:
        read_request(b'{"texts": ["abc", "def"]}', settings)
    assert (caught.value.status, caught.value.code, caught.value.field) == (413, "too_many_characters", "texts")


@pytest.mark.parametrize(
    ("kind", "body", "field"),
    [
        (TEXT, {"text": " \n"}, "text"),
        (TEXT, {"texts": ["a", "　"]}, "texts.1"),
        (CONVERSATION, {"messages": [{"role": "user", "content": " "}]}, "messages"),
    ],
)
def test_a_writer_is_asked_no_blanks(kind, body, field):
    sent = json.dumps(body).encode()
    read_request(sent, SETTINGS, kind)
    with pytest.raises(RefusalError) as caught:
        read_request(sent, SETTINGS, kind, takes_blanks=False)
    assert (caught.value.status, caught.value.field) == (422, field)


def test_what_is_quoted_is_short():
    assert quoted("txt") == "'txt'"
    assert len(quoted([["a" * 1_000] * 1_000] * 1_000)) < 200
    assert suggest("t" * SEVEN_MB, ["text"]) == ""


def test_the_page_has_each_limit_with_its_default_and_its_option():
    page = (Path(__file__).parents[2] / "docs" / "serving.md").read_text("utf-8")
    rows = page.partition("## Limits")[2].partition("## Statuses")[0]
    for name in LIMITS:
        default = f"{ServingSettings.model_fields[name].default:,}"
        assert re.search(
            rf"^\| [^|]+ \| {default}( s)? \| `--{name.replace('_', '-')}` \|", rows, re.MULTILINE
        ), name


def open_raw(client, *parts):
    """A connection of its own, on which parts of a request were sent."""
    connection = socket.create_connection((client.base_url.host, client.base_url.port), timeout=60)
    for part in parts:
        connection.sendall(part)
    return connection


def half_body(n_bytes, declared=7_000_000):
    return b"POST /v1/predict HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % declared + b" " * n_bytes


def received(connection):
    with connection:
        return b"".join(iter(lambda: connection.recv(65536), b""))


def is_open(connection):
    connection.setblocking(False)
    try:
        while connection.recv(65536):  # A refusal may come before the end.
            pass
        return False
    except BlockingIOError:
        return True
    except ConnectionError:
        return False


@pytest.mark.parametrize("begun", [b"", b"POST /v1/pre", half_body(0), half_body(100_000)])
def test_a_healthy_caller_is_answered_while_three_hundred_hang(model, start, begun):
    settings = ServingSettings(max_held_bytes=10_000_000, max_connections=200)
    client = start(build_app(lambda: model, settings), settings)
    with ExitStack() as stack:
        hanging = []
        for _ in range(300):
            try:
                hanging.append(stack.enter_context(open_raw(client, begun)))
            except OSError:  # Made room for a later one already.
                continue
        begun_at = time.perf_counter()
        with socket.create_connection((client.base_url.host, client.base_url.port), timeout=60) as healthy:
            body = b'{"text": "card"}'
            healthy.sendall(half_body(0, len(body)) + body)
            assert healthy.recv(65536).startswith(b"HTTP/1.1 200 ")
        assert time.perf_counter() - begun_at < 2
        deadline = time.perf_counter() + 10  # What is aborted is closed a moment later.
        while sum(map(is_open, hanging)) > 200:
            assert time.perf_counter() < deadline
            time.sleep(0.05)


@pytest.mark.parametrize(
    ("begun", "says"),
    [
        (b"", b""),
        (b"POST /v1/predict HTTP/1.1\r\nHo", b"headers_too_slow"),
        (half_body(10), b"body_too_slow"),
        (b"POST /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n ", b"method_not_allowed"),
    ],
)
def test_headers_and_bodies_have_a_deadline(model, start, monkeypatch, begun, says):
    monkeypatch.setattr("metier.serving.connections.LINGER_SECONDS", 0.5)
    settings = ServingSettings(header_timeout_seconds=1, body_timeout_seconds=1)
    client = start(build_app(lambda: model, settings), settings)
    begun_at = time.perf_counter()
    found = received(open_raw(client, begun))
    assert time.perf_counter() - begun_at < 4
    assert says in found
    if b"too_slow" in says:
        assert found.startswith(b"HTTP/1.1 408 ")


def test_bodies_of_all_callers_together_are_bounded_and_the_quietest_makes_room(model, start):
    settings = ServingSettings(max_held_bytes=1_000_000, max_body_bytes=900_000)
    client = start(build_app(lambda: model, settings), settings)
    quiet, later = (open_raw(client, half_body(400_000, 800_000)) for _ in range(2))
    time.sleep(1)  # Both have come by then, the quiet one first.
    assert client.post("/v1/predict", content=b" " * 500_000 + b'{"text": "card"}').status_code == 200
    assert b"HTTP/1.1 503 " in received(quiet)
    later.sendall(b" " * 399_984 + b'{"text": "card"}')
    assert b"HTTP/1.1 200 " in later.recv(65536)
    later.close()


def test_what_is_not_http_gets_a_typed_error(model, start):
    client = start(build_app(lambda: model))
    for sent in (b"\x16\x03\x01\x00\r\n\r\n", b"GET / HTTP/1.1\r\n" + b"a: " + b"b" * 100_000):
        found = received(open_raw(client, sent))
        assert found.startswith(b"HTTP/1.1 400 ")
        assert json.loads(found.partition(b"\r\n\r\n")[2])["error"]["code"] == "bad_http"


def test_a_caller_who_hangs_up_is_not_answered_further(model, start, caplog):
    caplog.set_level("INFO", "metier.access")
    settings = ServingSettings(threads=1, access_log="json")
    client = start(build_app(lambda: model, settings), settings)
    answer, asked = model.predict, []

    def slow(texts):
        asked.extend(texts)
        time.sleep(0.05)
        return answer(texts)

    model.predict = slow
    body = json.dumps({"texts": ["long " * 5_000] * 40}).encode()
    with open_raw(client, half_body(0, len(body)) + body):
        while not asked:
            time.sleep(0.01)
    begun = time.perf_counter()
    assert client.post("/v1/predict", json={"text": "card"}).status_code == 200
    assert time.perf_counter() - begun < 1
    assert len(asked) < 20
    open_raw(client, half_body(10)).close()
    while caplog.text.count('"status": 499') < 2:
        assert time.perf_counter() - begun < 5
        time.sleep(0.01)
    assert "Traceback" not in caplog.text
    assert "failed with" not in caplog.text


def test_a_caller_who_does_not_read_is_cut_off(model, start):
    settings = ServingSettings(send_timeout_seconds=1, max_rows=40_000)
    client = start(build_app(lambda: model, settings), settings)
    body = json.dumps({"texts": ["a"] * 40_000, "top": 3}).encode()
    with open_raw(client, half_body(0, len(body)) + body) as caller:
        length = int(re.search(rb"content-length: (\d+)", caller.recv(1_000))[1])
        time.sleep(4)
        found = 0
        with contextlib.suppress(ConnectionResetError):
            while more := len(caller.recv(65536)):
                found += more
        assert found < length
