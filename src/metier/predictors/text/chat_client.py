"""One question to a chat model behind any OpenAI-compatible endpoint, kept on disk once it is answered.

Where the endpoint is and the key to it come from the environment alone: METIER_ENDPOINT_URL and
METIER_ENDPOINT_KEY. The key goes into one header and nowhere else: no file, no message, no other server, since
redirects are not followed. Nothing is asked unless the URL is set.
"""

import hashlib
import json
import os
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

from metier.errors import EndpointError, NoNetworkError
from metier.user_cache import user_cache

URL_VARIABLE, KEY_VARIABLE = "METIER_ENDPOINT_URL", "METIER_ENDPOINT_KEY"
PATH = "/chat/completions"
# The server is busy or stumbled: the same question may be answered a moment later.
WORTH_ANOTHER_TRY = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
MOST_BYTES = 1_000_000  # Of a response; a label is a few words.
MOST_SHOWN = 300  # Characters of what a server says when it refuses.
LONGEST_PAUSE_SECONDS = 60.0

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
    was_kept : bool
        Whether it came from disk.
    """

    text: str
    prompt_tokens: int
    reply_tokens: int
    was_kept: bool = False


class ChatClient:
    """Asks, again where that may help, and remembers. Safe to share between threads.

    Raises
    ------
    NoNetworkError
        If METIER_ENDPOINT_URL is not set, or is no http address.
    """

    def __init__(self, settings: ChatSettings):
        self.settings = settings
        self._url = _endpoint()
        self._opener = urllib.request.build_opener(_NoRedirect)
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
        kept = self._folder / f"{_digest(self._url, body)}.json"
        if kept.is_file():
            return Reply(**json.loads(kept.read_text(encoding="utf-8")), was_kept=True)
        reply = self._try(body)
        _keep(kept, reply)
        return reply

    def _try(self, body: Mapping[str, Any]) -> Reply:
        why, pause = "", 0.0
        for number in range(self.settings.tries):
            time.sleep(pause)
            pause = self.settings.backoff_seconds * 2**number
            try:
                return _read_reply(self._post(body))
            except urllib.error.HTTPError as error:
                with error:
                    why = f"status {error.code}: {self._without_key(_said(error))}"
                if error.code not in WORTH_ANOTHER_TRY:
                    raise EndpointError(
                        f"The endpoint refused to answer ({why}). Check {URL_VARIABLE}, {KEY_VARIABLE} and the "
                        f"model {self.settings.model!r}."
                    ) from None
                pause = max(pause, _stated_pause(error))
            except (OSError, HTTPException, ValueError, LookupError, TypeError) as error:
                why = f"{type(error).__name__}: {self._without_key(str(error))}"
            pause = min(pause, LONGEST_PAUSE_SECONDS)
        raise EndpointError(
            f"The endpoint did not answer in {self.settings.tries} tries; the last ended with {why}. "
            "Try again later, or ask fewer rows at once."
        )

    def _post(self, body: Mapping[str, Any]) -> bytes:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        key = os.environ.get(KEY_VARIABLE)
        if key:
            headers["Authorization"] = f"Bearer {key}"
        data = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        request = urllib.request.Request(self._url, data=data, headers=headers, method="POST")  # noqa: S310
        with self._opener.open(request, timeout=self.settings.timeout_seconds) as response:
            content: bytes = response.read(MOST_BYTES)
            return content

    def _without_key(self, said: str) -> str:
        """Some servers repeat the key they refuse."""
        key = os.environ.get(KEY_VARIABLE)
        return said.replace(key, "…") if key else said


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Another server must not get the key: a redirect is an error like any other status."""

    def redirect_request(self, *_: Any) -> None:
        """Follow none."""


def _endpoint() -> str:
    url = os.environ.get(URL_VARIABLE, "").strip().rstrip("/")
    if not url.startswith(("http://", "https://")):
        found = f"it is {url!r}, no http address" if url else "it is not set"
        raise NoNetworkError(
            f"Prompting a model needs the address of an OpenAI-compatible endpoint in {URL_VARIABLE}, but {found}. "
            f"Set it, for instance to http://localhost:8000/v1, and {KEY_VARIABLE} where the endpoint wants a key."
        )
    return url if url.endswith(PATH) else url + PATH


def _digest(url: str, body: Mapping[str, Any]) -> str:
    asked = json.dumps([url, body], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(asked.encode("utf-8", "surrogatepass")).hexdigest()


def _read_reply(content: bytes) -> Reply:
    found = json.loads(content)
    usage = found.get("usage") or {}
    text = found["choices"][0]["message"]["content"]
    if not isinstance(text, str):
        raise TypeError("the reply holds no text")
    return Reply(text, int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0))


def _keep(path: Path, reply: Reply) -> None:
    """Write the reply beside its place and move it there; a full disk costs the reply's second use, no more."""
    content = json.dumps({name: value for name, value in asdict(reply).items() if name != "was_kept"})
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        beside = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
        beside.write_text(content, encoding="utf-8")
        beside.replace(path)
    except OSError:
        return


def _said(error: urllib.error.HTTPError) -> str:
    try:
        said = error.read(MOST_SHOWN).decode("utf-8", "replace")
    except (OSError, HTTPException):
        return str(error.reason)
    return " ".join(said.split()) or str(error.reason)


def _stated_pause(error: urllib.error.HTTPError) -> float:
    """Seconds that the server asks to wait; 0 where it does not say so in seconds."""
    stated = str(error.headers.get("Retry-After", ""))
    return float(stated) if stated.isdecimal() else 0.0
