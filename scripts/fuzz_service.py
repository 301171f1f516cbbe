"""Random requests against a service of each task: it must answer each with its own status, and its memory must not grow.

    python scripts/fuzz_service.py --requests 5000
    python scripts/fuzz_service.py --requests 100000 --seed 2 --bundles 'trained_*'

Each bundle is served by a process of its own, on this machine only. A request is a valid one that was mutated, typed
garbage, deep or broken JSON, broken UTF-8, a huge name, another content type, method or path, broken HTTP, or half a
body. Printed are how many got which status, every answer of 5xx (none is asked for), every error without a code, every
whole request without an answer, and the memory of each process before and after. The exit status is 1 where anything of
this is wrong.
"""

import argparse
import base64
import contextlib
import json
import random
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import metier

ROOT = Path(__file__).resolve().parents[1]
SEALED = ROOT / "tests" / "bundles" / "sealed_71959d8"
# One of each task, a conversation, and a sentence encoder behind a search.
DEFAULT = ("trained_*", "nearest_reply.v1", "onnx_reader.v1", "retrieve_rerank.v1", "cascade.v1")
TIMEOUT_SECONDS = 20  # A request without an answer by then counts as lost.
MOST_GROWTH_MB = 150  # Caches of words and the allocator's own; the texts of one request can have 8 MB.
MOST_SHOWN = 10
ATOMS: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        0,
        1,
        -1,
        10**18,
        -(10**30),
        0.5,
        -0.0,
        1e308,
        "",
        " ",
        "\n\t",
        "\u3000",
        "\u200b",
        "\x00",
    ),
    *(
        "a",
        "我的卡没到",
        "🙂" * 50,
        "e\u0301" * 50,
        "\u202e",
        "a b " * 2_000,
        "字" * 5_000,
        "9" * 400,
        "null",
        "[0, 4]",
    ),
    *([], {}, [[]], [{}], {"": ""}, [0, True], [0, 4], [4, 0], [0.0, 4.0], ["a", None], {"start": 0, "end": 4}),
)
NAMES = (
    "text",
    "texts",
    "rows",
    "top",
    "stream",
    "text_pair",
    "question",
    "passage",
    "head",
    "tail",
    "messages",
    "image",
    "image_pair",
    "audio",
    "method",
    "model",
    "max_tokens",
)
# The service's errors, those of OpenAI's form, and those of the Open Inference Protocol.
CODED = (b'{"error":{"code":"', b'{"error": {"code": "', b'{"error":{"message":"', b'{"error":"')
PIECES = (b"\xff", b"\xc3", b"\xed\xa0\x80", b'\\ud800"', b'"', b"\\", b"\x00", b"}", b"NaN", b"")
METHODS = ("POST", "GET", "PUT", "HEAD", "OPTIONS", "DELETE", "TRACE", "INVENTED", "post", "P" * 300)
INFER = "/v2/models/model/infer"  # What a single bundle is called there.
ASKING = (
    "/v1/predict",
    "/v1/explain",
    "/v1/chat/completions",
    "/v1/audio/transcriptions",
    "/v1/embeddings",
    "/v1/feedback",
    "/rerank",
    "/invocations",
    INFER,
    "/v2/models/model/versions/1/infer",
    "/v2/repository/index",
)
PATHS = (
    *ASKING,
    "/v1/predict?a=%00",
    "/",
    "/readyz",
    "/healthz",
    "/metrics",
    "/openapi.json",
    "/nothing",
    "/%ff%00",
)
TYPES = (
    "application/json",
    "text/plain",
    "multipart/form-data; boundary=a",
    "application/xml",
    "",
    "a" * 500,
    "\xff",
)


@dataclass
class Request:
    """What is sent, and whether an answer has to come: half a body has none."""

    sent: bytes
    is_whole: bool = True


@dataclass
class Outcome:
    """What one service made of its requests."""

    statuses: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    memory_mb: tuple[float, float, float] = (0, 0, 0)
    seconds: float = 0

    @property
    def growth_mb(self) -> float:
        """What the process holds more than before the first request."""
        return self.memory_mb[1] - self.memory_mb[0]


class Mutations:
    """Random requests, made of valid questions.

    Parameters
    ----------
    questions : list
        Of the task that is served.
    draw : random.Random
    """

    def __init__(self, questions: list[Any], draw: random.Random):
        self.questions = questions
        self.draw = draw

    def request(self) -> Request:
        """Give the next request."""
        makers: list[tuple[int, Callable[[], Request]]] = [
            (40, lambda: post(self.mutated())),
            (10, lambda: post(self.garbage(4))),
            (10, lambda: post(json.dumps(self.valid()).encode())),
            (12, lambda: post(self.broken(json.dumps(self.valid(), ensure_ascii=False).encode()))),
            (10, lambda: post(self.mutated(), path=self.draw.choice(ASKING[1:]))),
            (12, self.other_body),
            (8, self.form),
            (5, self.deep),
            (4, self.huge_name),
            (8, self.other_head),
            (6, self.half_body),
            (5, self.broken_http),
        ]
        [make] = self.draw.choices([make for _, make in makers], [weight for weight, _ in makers])
        return make()

    def valid(self) -> dict[str, Any]:
        """Give a body that is answered."""
        question = self.draw.choice(self.questions)
        several = self.draw.choices(self.questions, k=self.draw.randint(1, 5))
        bodies: list[dict[str, Any]] = [{"text": question}, {"texts": several}]
        if not isinstance(question, str):
            bodies = [question, {"rows": several}]
        extras: list[dict[str, Any]] = [
            {},
            {},
            {"top": self.draw.randint(1, 4)},
            {"stream": self.draw.random() < 0.5},
        ]
        return {**self.draw.choice(bodies), **self.draw.choice(extras)}

    def mutated(self) -> bytes:
        """Give a valid body in which one to three values or names are others."""
        body: Any = self.valid()
        for _ in range(self.draw.randint(1, 3)):
            body = self._mutate(body)
        return json.dumps(body, ensure_ascii=self.draw.random() < 0.5).encode("utf-8", "surrogatepass")

    def garbage(self, depth: int) -> Any:
        """Give a random value."""
        if depth == 0 or self.draw.random() < 0.4:
            return self.draw.choice(ATOMS)
        if self.draw.random() < 0.5:
            return [self.garbage(depth - 1) for _ in range(self.draw.randint(0, 5))]
        names = self.draw.choices([*NAMES, "", "\x00", "名"], k=self.draw.randint(0, 4))
        return {name: self.garbage(depth - 1) for name in names}

    def broken(self, body: bytes) -> bytes:
        """Give a body with some of its bytes changed, lost or doubled."""
        changed = bytearray(body)
        for _ in range(self.draw.randint(1, 4)):
            at = self.draw.randrange(len(changed) or 1)
            piece = self.draw.choice(PIECES)
            changed[at : at + self.draw.randint(0, 3)] = piece
        return bytes(changed)

    def deep(self) -> Request:
        """Give a body of many brackets, alone or where a value belongs."""
        opened, closed = self.draw.choice(((b"[", b"]"), (b'{"text":', b"}"), (b'[{"a":', b"}]")))
        depth = self.draw.choice((10, 150, 300, 10_000, 60_000))
        value = opened * depth + b"1" + closed * depth * (self.draw.random() < 0.7)
        return post(self.draw.choice((value, b'{"text":' + value + b"}", b'{"rows":[' + value + b"]}")))

    def huge_name(self) -> Request:
        """Give a body with a name, a number or a list that is far too long."""
        size = self.draw.choice((1_000, 100_000, 1_000_000))
        many = b",".join([self.draw.choice((b"1", b"{}", b"[]", b'"a"', b"null"))] * (size // 3))
        name = self.draw.choice((b"n", "名".encode(), b"\\u0000")) * (size // 6)
        body = (b'{"' + name + b'":1}', b'{"rows":[{"' + name + b'":1}]}', b'{"top":' + b"9" * size + b"}")
        return post(self.draw.choice((*body, b'{"texts":[' + many + b"]}", b'{"rows":[' + many + b"]}")))

    def other_head(self) -> Request:
        """Give a valid body with another method, path or content type."""
        method, path, kind = (self.draw.choice(of) for of in (METHODS, PATHS, TYPES))
        return post(json.dumps(self.valid()).encode(), method=method, path=path, kind=kind)

    def other_body(self) -> Request:
        """Give a body of another endpoint than that of predictions, as it should be or mutated."""
        texts = [
            one if isinstance(one, str) else json.dumps(one) for one in self.draw.choices(self.questions, k=2)
        ]
        names = list(self.questions[0]) if isinstance(self.questions[0], dict) else ["text"]
        tensors = [{"name": name, "shape": [2], "datatype": "BYTES", "data": texts} for name in names]
        bodies: dict[str, Any] = {
            INFER: {"id": "1", "inputs": tensors},
            "/v1/embeddings": {
                "input": texts,
                "model": "model",
                "encoding_format": self.draw.choice(("float", "base64")),
            },
            "/rerank": {"query": texts[0], "texts": texts, "raw_scores": False, "return_text": True},
            "/v1/feedback": {
                "prediction_id": "01a230a1-a8cb-7fb1-87c2-96919e591d18",
                "thumb": "up",
                "comment": texts[0],
            },
        }
        path = self.draw.choice(list(bodies))
        body = bodies[path]
        for _ in range(self.draw.randint(0, 3)):
            body = self._mutate(body)
        return post(json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass"), path=path)

    def form(self) -> Request:
        """Give a form whose fields are those of a body, some with a file name, and some of it broken."""
        body, boundary = json.loads(self.mutated()), "a"
        parts = b""
        for name, value in body.items() if isinstance(body, dict) else [("text", body)]:
            content = value if isinstance(value, str) else json.dumps(value)
            file = (
                f'; filename="{self.draw.choice(("a.png", "..%2f", "", "名.wav"))}"'
                if self.draw.random() < 0.4
                else ""
            )
            head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n{content}\r\n'
            parts += head.encode("utf-8", "surrogatepass")
        whole = parts + f"--{boundary}--\r\n".encode()
        kind = f"multipart/form-data; boundary={self.draw.choice((boundary, boundary, boundary, 'b', ''))}"
        return post(
            self.broken(whole) if self.draw.random() < 0.3 else whole, path=self.draw.choice(ASKING), kind=kind
        )

    def half_body(self) -> Request:
        """Give a part of a request, after which the caller hangs up."""
        whole = post(json.dumps(self.valid()).encode()).sent
        return Request(whole[: self.draw.randrange(1, len(whole))], is_whole=False)

    def broken_http(self) -> Request:
        """Give what is no HTTP, or only nearly."""
        body = json.dumps(self.valid()).encode()
        chunk = b"%x\r\n%s\r\n" % (len(body), body)
        head = b"POST /v1/predict HTTP/1.1\r\nHost: a\r\n"
        return self.draw.choice(
            (
                Request(
                    head + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk + b"0\r\n\r\n"
                ),
                Request(head + b"Transfer-Encoding: chunked\r\n\r\n" + b"zz\r\n" + body),
                Request(head + b"Content-Length: many\r\n\r\n" + body),
                Request(head + b"Content-Length: 3\r\nConnection: close\r\n\r\n" + body),
                Request(head + b"A: " + b"b" * 100_000),
                Request(bytes(self.draw.randrange(256) for _ in range(50)) + b"\r\n\r\n"),
                Request(post(body, close=False).sent * 3 + post(body).sent),
                Request(head.replace(b"1.1", b"1.0") + b"Content-Length: %d\r\n\r\n" % len(body) + body),
            )
        )

    def _mutate(self, value: Any) -> Any:
        """Give a value in which one place is another."""
        inner = isinstance(value, dict | list) and len(value) and self.draw.random() < 0.8
        if not inner:
            return self.draw.choice((self.garbage(2), self.draw.choice(ATOMS), [value], {"text": value}))
        if isinstance(value, list):
            at = self.draw.randrange(len(value))
            return [*value[:at], self._mutate(value[at]), *value[at + 1 :]]
        name = self.draw.choice(list(value))
        rest = {other: held for other, held in value.items() if other != name}
        change = self.draw.random()
        if change < 0.15:
            return rest
        if change < 0.3:
            return rest | {self.draw.choice((*NAMES, name + "s", name.upper())): value[name]}
        return value | {name: self._mutate(value[name])}


def post(
    body: Any,
    *,
    method: str = "POST",
    path: str = "/v1/predict",
    kind: str = "application/json",
    close: bool = True,
) -> Request:
    """Give a request of a body, which may be a value; the connection is closed after the answer."""
    sent = body if isinstance(body, bytes) else json.dumps(body).encode("utf-8", "surrogatepass")
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Type: {kind}\r\nContent-Length: {len(sent)}\r\n"
        f"{'Connection: close' if close else 'Accept: */*'}\r\n\r\n"
    )
    return Request(head.encode("latin-1") + sent)


def ask(port: int, request: Request) -> bytes:
    """Send a request and give all that comes back; nothing for half a body."""
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_SECONDS) as connection:
        received = b""
        # The service may close before it has read all of what it refuses.
        with contextlib.suppress(ConnectionError):
            connection.sendall(request.sent)
        if not request.is_whole:
            return b""
        with contextlib.suppress(ConnectionError, TimeoutError):
            while more := connection.recv(65536):
                received += more
    return received


def judge(request: Request, received: bytes, outcome: Outcome) -> None:
    """Count the statuses of what came back, and note what should not have come."""
    if not request.is_whole:
        outcome.statuses["hung up"] += 1
        return
    statuses = re.findall(rb"HTTP/1\.1 (\d{3}) ", received)
    outcome.statuses.update(status.decode() for status in statuses or [b"lost"])
    errors = [status for status in statuses if status >= b"400"]
    is_head = request.sent.startswith(b"HEAD ")
    if not statuses or any(status >= b"500" for status in statuses):
        outcome.faults.append(f"{received[:200]!r} for {request.sent[:600]!r}")
    elif len(errors) > sum(received.count(form) for form in CODED) and not is_head:
        outcome.faults.append(f"no code in {received[:300]!r} for {request.sent[:300]!r}")


@contextlib.contextmanager
def served(bundle: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Serve a bundle in a process of its own; give the process and its port once it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "metier", "serve", str(bundle), "--port", str(port), "--access-log", "off"]
    with (
        tempfile.TemporaryDirectory() as log,
        subprocess.Popen(  # noqa: S603 - ours.
            [*command, "--log-predictions", log], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        ) as process,
    ):
        try:
            deadline = time.monotonic() + 60
            while not is_ready(port):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"{bundle.name} was not served within a minute")
                time.sleep(0.1)
            yield process, port
        finally:
            process.terminate()
            _, err = process.communicate(timeout=60)
            if b"Traceback" in err or process.returncode != 0:
                print(f"ended with {process.returncode}", file=sys.stderr)
                print(err.decode(errors="replace")[-2_000:], file=sys.stderr)


def is_ready(port: int) -> bool:
    """Say whether the service answers."""
    try:
        return b" 200 " in ask(port, post(b"", method="GET", path="/readyz"))[:20]
    except OSError:
        return False


def memory_mb(process: subprocess.Popen[bytes], name: str) -> float:
    """Give the memory of a process: resident (`VmRSS`), or the most it ever was (`VmHWM`)."""
    status = Path(f"/proc/{process.pid}/status").read_text("ascii")
    found = re.search(rf"{name}:\s+(\d+)", status)
    assert found is not None
    return int(found[1]) / 1024


def fuzz(bundle: Path, n_requests: int, draw: random.Random) -> Outcome:
    """Send a service so many random requests."""
    questions = questions_of(bundle)
    mutations, outcome = Mutations(questions, draw), Outcome()
    with served(bundle) as (process, port):
        for question in questions[:20]:
            ask(port, post({"text": question} if isinstance(question, str) else question))
        before, begun = memory_mb(process, "VmRSS"), time.perf_counter()
        for _ in range(n_requests):
            request = mutations.request()
            judge(request, ask(port, request), outcome)
        outcome.seconds = time.perf_counter() - begun
        outcome.memory_mb = before, memory_mb(process, "VmRSS"), memory_mb(process, "VmHWM")
        if not is_ready(port):
            outcome.faults.append("the service does not answer any more")
    return outcome


def questions_of(bundle: Path) -> list[Any]:
    """Give what a bundle is asked: what was sealed with it, or the trial question of what it reads, bytes in base64."""
    sealed = bundle.with_name(f"{bundle.name}.answers.json")
    if sealed.is_file():
        asked: list[Any] = json.loads(sealed.read_text("utf-8"))["questions"]
        return asked
    trial = metier.load(bundle).input_kind.trial
    if isinstance(trial, dict):
        encoded = {
            name: base64.b64encode(one).decode() if isinstance(one, bytes) else one
            for name, one in trial.items()
        }
        return [encoded]
    return [trial]


def shown(outcome: Outcome) -> str:
    """Give the figures of a service on one line."""
    counts = ", ".join(f"{status}: {n:,}" for status, n in sorted(outcome.statuses.items()))
    before, after, most = outcome.memory_mb
    memory = f"{before:.0f} -> {after:.0f} MB (most {most:.0f})"
    return f"{memory}, {outcome.seconds:.0f} s, faults: {len(outcome.faults)}; {counts}"


def main() -> None:
    """Fuzz a service of each bundle and print what became of the requests."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--requests", type=int, default=5_000, help="Of all bundles together.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--bundles",
        nargs="*",
        default=DEFAULT,
        help="Names in tests/bundles, patterns of them, or other folders.",
    )
    options = parser.parse_args()
    patterns = [name for name in options.bundles if not Path(name).is_absolute()]
    names = {path for pattern in patterns for path in SEALED.glob(pattern) if path.is_dir()}
    names |= {Path(name) for name in options.bundles if (Path(name) / "manifest.json").is_file()}
    draw, total, is_wrong = random.Random(options.seed), Counter[str](), False  # noqa: S311 - no secrets.
    for bundle in sorted(names):
        outcome = fuzz(bundle, options.requests // len(names), draw)
        total += outcome.statuses
        print(f"{bundle.name:<24} {shown(outcome)}", flush=True)
        for fault in outcome.faults[:MOST_SHOWN]:
            print(f"  {fault}")
        is_wrong |= bool(outcome.faults) or outcome.growth_mb > MOST_GROWTH_MB
    unasked = sum(n for status, n in total.items() if status.startswith("5"))
    print(f"together: {dict(sorted(total.items()))}; 5xx that nobody asked for: {unasked}")
    sys.exit(is_wrong)


if __name__ == "__main__":
    main()
