import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from metier.applications.starting.asked_model import asked_proposal
from metier.errors import EndpointError, NoNetworkError

GOOD = {
    "task": "classification",
    "labels": [
        {"name": "refund", "descriptions": ["I want my money back."]},
        {"name": "other", "descriptions": ["Anything else."]},
    ],
    "ordered": False,
    "languages": ["en"],
}


class Replies(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(body)
        text = self.server.replies[min(len(self.server.asked), len(self.server.replies)) - 1]
        content = json.dumps({"choices": [{"message": {"role": "assistant", "content": text}}]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture
def endpoint(monkeypatch, tmp_path):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Replies)
    server.asked, server.replies = [], []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("METIER_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}/v1")
    monkeypatch.setenv("METIER_CACHE", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_answer_within_other_words_is_read(endpoint):
    endpoint.replies = [f"Here it is:\n```json\n{json.dumps(GOOD)}\n```"]
    found = asked_proposal("sort mails", "small", spoken="en")
    assert [one.name for one in found.labels] == ["refund", "other"]
    assert found.proposed_by == "small"
    assert len(endpoint.asked) == 1


def test_a_wrong_answer_is_asked_for_again_with_what_was_wrong(endpoint):
    endpoint.replies = [json.dumps({**GOOD, "task": "sorting"}), json.dumps(GOOD)]
    assert asked_proposal("sort mails", "small", spoken="en").task == "classification"
    assert "'sorting'" in endpoint.asked[1]["messages"][-1]["content"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("no idea", "no JSON object"),
        (json.dumps({**GOOD, "labels": GOOD["labels"][:1]}), "needs labels"),
        (json.dumps({**GOOD, "labels": GOOD["labels"][:1] * 2}), "the same name"),
        (json.dumps({**GOOD, "languages": ["xx"]}), "languages"),
    ],
)
def test_answers_of_another_form_are_an_error_after_two_tries(endpoint, answer, said):
    endpoint.replies = [answer]
    with pytest.raises(EndpointError, match=said):
        asked_proposal("sort mails", "small", spoken="en")
    assert len(endpoint.asked) == 2


def test_without_an_address_nothing_is_sent(monkeypatch):
    monkeypatch.delenv("METIER_ENDPOINT_URL", raising=False)
    with pytest.raises(NoNetworkError):
        asked_proposal("sort mails", "small", spoken="en")
