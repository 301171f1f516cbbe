"""Client for a chat model behind any OpenAI-compatible endpoint; replies are cached on disk.

The address and the key come from the environment alone: METIER_ENDPOINT_URL and METIER_ENDPOINT_KEY. The key goes
into one header and nowhere else: no file, no message, no other server, since redirects are not followed. Nothing is
sent unless the URL is set.
"""

import hashlib
import json
import os
import time
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx

from metier.errors import EndpointError, NoNetworkError
from metier.storage import write_text
from metier.user_cache import user_cache

URL_VARIABLE, KEY_VARIABLE = "METIER_ENDPOINT_URL", "METIER_ENDPOINT_KEY"
PATH = "/chat/completions"
# The server is busy or failed: the same question may be answered a moment later.
WORTH_ANOTHER_TRY = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
MOST_BYTES = 1_000_000  # Of a response; a label is a few words.
MOST_SHOWN = 300  # Bytes of a server's reason for refusing.
LONGEST_PAUSE_SECONDS = 60.0

# No response, a broken one, or one that is not a chat completion.
UNUSABLE = (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, LookupError, TypeError, AttributeError)

Message = Mapping[str, str]


@dataclass(frozen=True)
class ChatSettings:
    """How to ask.

    Parameters
    ----------
    model : str
        As the endpoint calls it.
    most_tokens : int
        Of an answer.
    timeout_seconds : float
        Of one try.
    tries : int
        Of one question, the first included.
    backoff_seconds : float
        Pause before the second try; doubled each time, and longer where the server says so.
    """

    model: str
    most_tokens: int = 40
    timeout_seconds: float = 30.0
    tries: int = 5
    backoff_seconds: float = 1.0


@dataclass(frozen=True)
class Reply:
    """What came back.

    Parameters
    ----------
    text : str
    prompt_tokens, reply_tokens : int
        As the endpoint counted them; 0 where it does not say.
    from_cache : bool
        Whether it was read from disk.
    """

    text: str
    prompt_tokens: int
    reply_tokens: int
    from_cache: bool = False


class ChatClient:
    """Sends questions, retries where that may help, and caches the replies. Safe to share between threads.

    Raises
    ------
    NoNetworkError
        If METIER_ENDPOINT_URL is not set, or is not an http address.
    """

    def __init__(self, settings: ChatSettings):
        self.settings = settings
        self._url = _endpoint()
        # Without a limit of its own: the caller bounds how many questions are sent at once.
        self._http = httpx.Client(
            timeout=settings.timeout_seconds,
            follow_redirects=False,  # Another server must not get the key.
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=20),
        )
        weakref.finalize(self, self._http.close)
        self._folder = user_cache() / "endpoint"

    def ask(self, messages: Sequence[Message]) -> Reply:
        """Give the reply to a conversation.

        Raises
        ------
        EndpointError
            If the endpoint refuses, or did not answer in any of the tries.
        """
        body = {
            "model": self.settings.model,
            "messages": list(messages),
            "temperature": 0,
            "max_tokens": self.settings.most_tokens,
        }
        path = self._folder / f"{_digest(self._url, body)}.json"
        if path.is_file():
            return Reply(**json.loads(path.read_text(encoding="utf-8")), from_cache=True)
        reply = self._try(body)
        _write_cache(path, reply)
        return reply

    def _try(self, body: Mapping[str, Any]) -> Reply:
        why, pause = "", 0.0
        for number in range(self.settings.tries):
            time.sleep(pause)
            pause = self.settings.backoff_seconds * 2**number
            try:
                response, content = self._post(body)
                if response.is_success:
                    return _read_reply(content)
            except UNUSABLE as error:
                why = f"{type(error).__name__}: {self._without_key(str(error))}"
            else:
                why = f"status {response.status_code}: {self._without_key(_reason(response, content))}"
                if response.status_code not in WORTH_ANOTHER_TRY:
                    raise EndpointError(
                        f"The endpoint refused the request ({why}). Check {URL_VARIABLE}, {KEY_VARIABLE} and the "
                        f"model {self.settings.model!r}."
                    )
                pause = max(pause, _stated_pause(response))
            pause = min(pause, LONGEST_PAUSE_SECONDS)
        raise EndpointError(
            f"The endpoint did not answer in {self.settings.tries} tries; the last ended with {why}. "
            "Try again later, or with fewer rows at once."
        )

    def _post(self, body: Mapping[str, Any]) -> tuple[httpx.Response, bytes]:
        # Not compressed, so that what is read of a response is what was sent.
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
        }
        key = os.environ.get(KEY_VARIABLE)
        if key:
            headers["Authorization"] = f"Bearer {key}"
        data = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        with self._http.stream("POST", self._url, content=data, headers=headers) as response:
            return response, _first_bytes(response, MOST_BYTES if response.is_success else MOST_SHOWN)

    def _without_key(self, message: str) -> str:
        """Some servers repeat the key they refuse."""
        key = os.environ.get(KEY_VARIABLE)
        return message.replace(key, "…") if key else message


def _endpoint() -> str:
    url = os.environ.get(URL_VARIABLE, "").strip().rstrip("/")
    if not url.startswith(("http://", "https://")):
        found = f"it is {url!r}, which is not an http address" if url else "it is not set"
        raise NoNetworkError(
            f"Prompting a model needs the address of an OpenAI-compatible endpoint in {URL_VARIABLE}, but {found}. "
            f"Set it, for instance to http://localhost:8000/v1, and {KEY_VARIABLE} if the endpoint needs a key."
        )
    return url if url.endswith(PATH) else url + PATH


def _first_bytes(response: httpx.Response, most: int) -> bytes:
    content = b""
    for part in response.iter_bytes():
        content += part
        if len(content) >= most:
            break
    return content[:most]


def _digest(url: str, body: Mapping[str, Any]) -> str:
    question = json.dumps([url, body], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(question.encode("utf-8", "surrogatepass")).hexdigest()


def _read_reply(content: bytes) -> Reply:
    found = json.loads(content)
    usage = found.get("usage") or {}
    text = found["choices"][0]["message"]["content"]
    if not isinstance(text, str):
        raise TypeError("the reply contains no text")
    return Reply(text, int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0))


def _write_cache(path: Path, reply: Reply) -> None:
    """Write the reply beside its place and move it there; where that fails the reply is not cached, no more."""
    content = json.dumps({name: value for name, value in asdict(reply).items() if name != "from_cache"})
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_text(path, content, durable=False)
    except OSError:
        return


def _reason(response: httpx.Response, content: bytes) -> str:
    return " ".join(content.decode("utf-8", "replace").split()) or response.reason_phrase


def _stated_pause(response: httpx.Response) -> float:
    """Seconds that the server asks to wait; 0 where it does not say so in seconds."""
    stated = response.headers.get("Retry-After", "")
    return float(stated) if stated.isdecimal() else 0.0
