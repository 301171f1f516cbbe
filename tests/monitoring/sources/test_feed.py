"""A feed is fetched again only where it has changed; what it holds cannot harm."""

import http.server
import threading

import pytest
from pydantic import ValidationError

from metier.errors import SourceError
from metier.monitoring.sources import build_source
from metier.monitoring.sources.feed import FeedSettings, plain_text
from tests.source_reading import Reading

ITEM = """<item><guid>{id}</guid><title>Title {id}</title>
<description>&lt;p&gt;Body &amp;amp; more {id}&lt;/p&gt;</description>
<pubDate>Fri, 01 May 2026 12:00:0{id} GMT</pubDate></item>"""
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom"><title>News</title>
<entry><link href="http://x/1"/><title>One</title><content type="html">&lt;b&gt;bold&lt;/b&gt;</content>
<updated>2026-05-01T14:00:00+02:00</updated><author><name>Ann</name></author></entry></feed>"""


def rss(*ids):
    items = "".join(ITEM.format(id=number) for number in ids)
    return f'<?xml version="1.0"?><rss version="2.0"><channel><title>Shop</title>{items}</channel></rss>'


def reading(**more):
    return Reading(build_source(FeedSettings(every_seconds=0, **more)))


def test_a_feed_in_a_file(tmp_path):
    path = tmp_path / "feed.xml"
    path.write_text(rss(2, 1))
    read = reading(path=path)
    assert read() == ["Title 1\nBody & more 1", "Title 2\nBody & more 2"]
    assert read() == []
    path.write_text(rss(3, 2, 1))
    assert read() == ["Title 1\nBody & more 1", "Title 2\nBody & more 2", "Title 3\nBody & more 3"]
    assert [one.id for one in read.messages] == ["1", "2", "1", "2", "3"]
    assert read.messages[0].at.isoformat() == "2026-05-01T12:00:01+00:00"


def test_atom_with_a_link_as_its_id(tmp_path):
    (tmp_path / "feed.xml").write_text(ATOM)
    read = reading(path=tmp_path / "feed.xml", columns={"by": {"who": "author", "feed": "feed"}})
    assert read() == ["One\nbold"]
    (one,) = read.messages
    assert (one.id, one.by, one.at.isoformat()) == (
        "http://x/1",
        {"who": "Ann", "feed": "News"},
        "2026-05-01T12:00:00+00:00",
    )


class Server(http.server.BaseHTTPRequestHandler):
    """Gives a feed, and says where it has not changed."""

    feed, asked = rss(1), []

    def do_GET(self):
        type(self).asked.append(self.headers.get("If-None-Match"))
        tag = f'"{hash(self.feed)}"'
        if self.path == "/none":
            self.send_error(503)
        elif self.headers.get("If-None-Match") == tag:
            self.send_response(304)
            self.end_headers()
        else:
            self.send_response(200)
            self.send_header("ETag", tag)
            self.end_headers()
            self.wfile.write(self.feed.encode())

    def log_message(self, *args):
        """Say nothing."""


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{served.server_port}"
        served.shutdown()


def test_over_http_it_is_asked_whether_it_has_changed(server):
    read = reading(url=f"{server}/feed")
    assert read() == ["Title 1\nBody & more 1"]
    assert read() == []
    Server.feed = rss(2, 1)
    assert read()[-1] == "Title 2\nBody & more 2"
    assert [tag is None for tag in Server.asked] == [True, False, False]
    with pytest.raises(SourceError, match=r"cannot be read \(.*503"):
        reading(url=f"{server}/none")()
    with pytest.raises(SourceError, match="refused"):
        reading(url="http://127.0.0.1:9/feed")()


def test_between_two_fetches_it_waits(tmp_path):
    (tmp_path / "feed.xml").write_text(rss(1))
    read = Reading(build_source(FeedSettings(path=tmp_path / "feed.xml", every_seconds=1000)))
    assert len(read()) == 1
    (tmp_path / "feed.xml").write_text(rss(1, 2))
    assert read() == []


def test_entities_that_grow_are_harmless(tmp_path):
    lines = ["<!ENTITY a0 'ha'>"] + [f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, 12)]
    outside = f"<!ENTITY secret SYSTEM 'file://{tmp_path}/secret'>"
    (tmp_path / "secret").write_text("hidden")
    bomb = f"<?xml version='1.0'?><!DOCTYPE rss [{outside}{''.join(lines)}]>" + rss(1).partition("?>")[
        2
    ].replace("Title 1", "Title &a11; &secret;")
    (tmp_path / "feed.xml").write_text(bomb)
    read = reading(path=tmp_path / "feed.xml")
    (text,) = read()
    assert len(text) < 1000
    assert "hidden" not in text


def test_what_is_no_feed_is_said(tmp_path):
    path = tmp_path / "feed.xml"
    for content in (b"<html><body>Moved</body></html>", b"", b"\x00\xff" * 50):
        path.write_bytes(content)
        with pytest.raises(SourceError, match="is no feed"):
            reading(path=path)()
    path.write_bytes(b"x" * 20_000_001)
    with pytest.raises(SourceError, match="more than 20,000,000 bytes"):
        reading(path=path)()
    with pytest.raises(ValidationError, match="either a url or a path"):
        FeedSettings()


@pytest.mark.parametrize(
    ("marked", "shown"),
    [
        ("<p>a</p><p>b<br>c</p>", "a\nb\nc"),
        ("<script>alert('x')</script>y<style>p {}</style>", "y"),
        ("a<!-- no <b>tag</b> -->b", "a b"),
        ("1 < 2 &amp;&lt;i&gt; <b\nclass='x'>bold</b>", "1 < 2 &<i> bold"),
        ("<script>" * 3, ""),
        ("<" * 200_000, "<" * 200_000),
    ],
)
def test_html_is_taken_off(marked, shown):
    assert plain_text(marked) == shown


def test_a_name_and_a_password_in_the_url_are_sent_and_never_said():
    seen = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append(self.headers["Authorization"])
            self.send_error(401 if len(seen) > 1 else 200)

        def log_message(self, *args):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    read = reading(url=f"http://me:hunter2%40@127.0.0.1:{server.server_port}/rss")
    told = []
    for _ in range(2):
        with pytest.raises(SourceError) as error:
            read()
        told.append(str(error.value))
    server.shutdown()
    server.server_close()
    assert seen == ["Basic bWU6aHVudGVyMkA="] * 2
    assert not any("hunter2" in one for one in told)
    assert f"http://127.0.0.1:{server.server_port}/rss" in told[1]
