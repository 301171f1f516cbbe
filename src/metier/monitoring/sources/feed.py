"""An RSS or Atom feed, over HTTP or from a file: fetched again only where it has changed."""

import base64
import calendar
import hashlib
import html
import importlib
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from http.client import HTTPException
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote

from pydantic import Field, model_validator

from metier.errors import MissingExtraError, SourceError
from metier.monitoring.given_paths import GivenPath
from metier.monitoring.messages import Batch, Position
from metier.monitoring.sources.columns import MessageReader, SourceSettings, batch_of
from metier.monitoring.sources.times import read_time

MOST_BYTES = 20_000_000  # Of a feed.
UNCHANGED = 304
_MARK = re.compile(r"<!--|-->|<(/?)([a-zA-Z][a-zA-Z0-9]*)\b[^<>]*>|<[!?][^<>]*>")
_USER = re.compile(r"(?<=//)[^/?#]*@")  # Of a URL: a name and a password.
_ENTITY = re.compile(rb"<!ENTITY[^>]*>")  # Feeds need none of their own, and some grow without end.
_BREAKS = frozenset({"br", "p", "div", "li", "tr", "h1", "h2", "h3", "h4", "h5", "h6"})
_UNSEEN = frozenset({"script", "style"})


class FeedSettings(SourceSettings, frozen=True):
    """A feed; its columns are id, title, text, time, author, link, language and feed."""

    kind: Literal["feed"] = "feed"
    url: str | None = Field(default=None, pattern=r"^https?://", description="Where it is.")
    path: GivenPath | None = Field(default=None, description="Or a file.")
    every_seconds: float = Field(default=300, ge=0, description="Between two times that it is fetched.")
    timeout_seconds: float = Field(default=30, gt=0, le=86_400, description="Of one answer.")
    agent: str = Field(default="metier", description="What it says it is.")

    @model_validator(mode="after")
    def _is_one(self) -> "FeedSettings":
        if (self.url is None) == (self.path is None):
            raise ValueError("a feed has either a url or a path")
        return self


def build_source(settings: FeedSettings) -> "Feed":
    """Give the source of these settings; raises `MissingExtraError` without feedparser."""
    try:
        parser = importlib.import_module("feedparser")
    except ModuleNotFoundError:
        raise MissingExtraError("Reading feeds", extra="feeds") from None
    return Feed(settings, parser)


class Feed:
    """Reads a feed whenever it has changed, and gives all its entries: those that are known are known by their id.

    The position is what the server said of the version (`ETag`, `Last-Modified`) and the hash of its content.
    """

    def __init__(self, settings: FeedSettings, parser: Any):
        self.name = settings.called
        self._settings, self._parser = settings, parser
        self._reader = MessageReader(settings)
        self._fetched = float("-inf")

    def read(self, position: Position | None) -> Iterator[Batch]:
        """Give the entries of a feed that has changed since a position."""
        if time.monotonic() < self._fetched + self._settings.every_seconds:
            return
        known = position or {}
        content, version = self._content(known)
        self._fetched = time.monotonic()
        if content is None or version["sha256"] == known.get("sha256"):
            return
        records = self._records(content)
        size = self._settings.batch_messages
        for start in range(0, max(len(records), 1), size):
            is_last = start + size >= len(records)
            pieces = [
                self._reader.read(
                    one, place=f"{self.name}, entry {one['id'] or one['title'][:60]!r}", anchor=""
                )
                for one in records[start : start + size]
            ]
            yield batch_of(pieces, version if is_last else known)

    def _content(self, known: Mapping[str, Any]) -> tuple[bytes | None, dict[str, Any]]:
        version: dict[str, Any] = {"etag": None, "modified": None}
        try:
            if self._settings.path is not None:
                content: bytes | None = _limited(self._settings.path)
            else:
                content, version = self._fetch(known)
        except (OSError, HTTPException, ValueError) as error:
            reason = str(error).removeprefix("<urlopen error ").removesuffix(">")
            raise SourceError(
                f"The feed {self._where()} cannot be read ({reason or type(error).__name__}). It is tried again."
            ) from None
        if content is not None and len(content) > MOST_BYTES:
            raise SourceError(f"The feed {self._where()} has more than {MOST_BYTES:,} bytes, which is no feed.")
        return content, version | {"sha256": hashlib.sha256(content or b"").hexdigest()[:16]}

    def _fetch(self, known: Mapping[str, Any]) -> tuple[bytes | None, dict[str, Any]]:
        headers = {"User-Agent": self._settings.agent, "If-None-Match": known.get("etag")}
        headers |= {"If-Modified-Since": known.get("modified")}
        request = urllib.request.Request(  # noqa: S310  # Settings take http and https alone.
            self._where(), headers={name: value for name, value in headers.items() if value}
        )
        if user := _USER.search(str(self._settings.url)):
            signed = base64.b64encode(unquote(user[0].removesuffix("@")).encode()).decode()
            request.add_unredirected_header("Authorization", f"Basic {signed}")
        try:
            with urllib.request.urlopen(request, timeout=self._settings.timeout_seconds) as answer:  # noqa: S310
                told = {"etag": answer.headers.get("ETag"), "modified": answer.headers.get("Last-Modified")}
                return answer.read(MOST_BYTES + 1), told
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == UNCHANGED:
                return None, {}
            raise

    def _records(self, content: bytes) -> list[dict[str, Any]]:
        try:
            found = self._parser.parse(
                _ENTITY.sub(b"", content), resolve_relative_uris=False, sanitize_html=False
            )
        except Exception as error:  # A parser of what anybody writes: whatever it meets is told.
            raise SourceError(
                f"The feed {self._where()} cannot be parsed ({type(error).__name__}: {error})."
            ) from None
        if not found.entries and not found.get("version"):
            raise SourceError(
                f"What {self._where()} gives is no feed. Check the address; expected RSS or Atom."
            )
        return [_record(entry, found.feed) for entry in reversed(found.entries)]

    def _where(self) -> str:
        """Give the address, without the name and the password that may stand in it."""
        if self._settings.url is None:
            return str(self._settings.path)
        return _USER.sub("", self._settings.url)

    def acknowledge(self, position: Position) -> None:
        """Nothing is kept of it here: the position is all."""

    def close(self) -> None:
        """No connection is held open."""


def plain_text(marked: str) -> str:
    """Give what HTML shows: without tags, scripts and comments, its characters spelled out."""
    shown: list[str] = []
    inside, start = "", 0  # What hides the text at this place: a comment, a script.
    for mark in _MARK.finditer(marked):
        name = (mark[2] or "").lower()
        if not inside:
            shown += [marked[start : mark.start()], "\n" if name in _BREAKS else " "]
            inside = "-->" if mark[0] == "<!--" else name if name in _UNSEEN and not mark[1] else ""
        elif inside == mark[0] or (inside == name and mark[1]):
            inside = ""
        start = mark.end()
    shown.append("" if inside else marked[start:])
    lines = (" ".join(line.split()) for line in html.unescape("".join(shown)).splitlines())
    return "\n".join(line for line in lines if line)


def _record(entry: Mapping[str, Any], feed: Mapping[str, Any]) -> dict[str, Any]:
    title = plain_text(entry.get("title") or "")
    contents = [plain_text(one.get("value") or "") for one in entry.get("content") or ()]
    body = max([*contents, plain_text(entry.get("summary") or "")], key=len)
    return {
        "id": entry.get("id") or entry.get("link") or "",
        "title": title,
        "text": "\n".join(part for part in (title, body) if part),
        "time": _time(entry),
        "author": entry.get("author") or "",
        "link": entry.get("link") or "",
        "language": feed.get("language") or "",
        "feed": plain_text(feed.get("title") or ""),
    }


def _time(entry: Mapping[str, Any]) -> Any:
    """Give when an entry was published, as it is written; as feedparser reads it where that is another form."""
    name = next((name for name in ("published", "updated", "created") if entry.get(name)), None)
    if name is None:
        return datetime.now(UTC)
    parsed = entry.get(f"{name}_parsed")
    try:
        read_time(entry[name], zone=UTC)
    except ValueError:
        return entry[name] if parsed is None else datetime.fromtimestamp(calendar.timegm(parsed), UTC)
    return entry[name]


def _limited(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(MOST_BYTES + 1)
