"""Every task asked of a chat model: a server on this machine that answers by rules, and remembers what it was asked."""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from metier.classical.endpoint import Endpoint
from metier.errors import SettingsError
from metier.predictors import load_predictor
from metier.predictors.text.asked_rows import TASKS
from metier.predictors.text.chat_client import KEY_VARIABLE, URL_VARIABLE
from metier.tasks.answers import ANSWERS
from metier.tasks.answers.asking import About
from metier.tasks.inputs.question import Question

RULES = {
    "Find all parts": lambda text: json.dumps(
        [{"text": name, "label": "NAME"} for name in re.findall(r"\b[A-Z][a-z]+", text)]
        + [{"text": "Nobody", "label": "NAME"}]
    ),
    "JSON list of all labels": lambda text: json.dumps([one for one in ("angry", "late") if one in text]),
    "give texts a number": lambda text: f"{len(re.findall('good', text))}.",
    "copied exactly": lambda text: (re.findall(r"in (\w+)", text) or ["no answer"])[0],
    "marked parts": lambda text: "bought" if "bought" in text else "none",
    "grade texts": lambda text: "high" if "good" in text else "low",
    "summarise": lambda text: "Short.",
    "reply to messages": lambda text: f"You said: {text.strip()[-20:]}",
    "label texts": lambda text: "same" if text.count("card") > 1 else "other",
}


class Chat(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(body["messages"])
        system, *_, last = body["messages"]
        rule = next(rule for words, rule in RULES.items() if words in system["content"])
        text = "\n".join(re.findall(r"<(?!question)\w+>\n(.*?)\n</", last["content"], re.S))
        reply = {"choices": [{"message": {"role": "assistant", "content": rule(text)}}]}
        size = sum(len(message["content"]) for message in body["messages"])
        data = json.dumps(reply | {"usage": {"prompt_tokens": size, "completion_tokens": 3}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """What a fresh server was asked; replies are kept in a folder of the test."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Chat) as server:
        server.asked = []
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        monkeypatch.setenv(URL_VARIABLE, f"http://127.0.0.1:{server.server_address[1]}/v1")
        monkeypatch.setenv(KEY_VARIABLE, "a key")
        monkeypatch.setenv("METIER_CACHE", str(tmp_path / "cache"))
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        yield server.asked
        server.shutdown()
        thread.join()


def marked(text, head, tail):
    return {"text": text, "head": place(text, head), "tail": place(text, tail)}


def place(text, part):
    return [text.index(part), text.index(part) + len(part)]


NAMES = ["Ann met Bob", "no one came", "Carl saw Ann", "Dora is here"]
ROWS = {
    "classification": (["my card", "card card", "a card", "card of my card"], ["other", "same"] * 2),
    "multi_label": (["angry and late", "late", "angry", "fine"], [["angry", "late"], ["late"], ["angry"], []]),
    "ordinal": (["good", "bad", "so good", "awful"], ["high", "low", "high", "low"]),
    "regression": (["good good", "good", "bad", "good good good"], [2.0, 1.0, 0.0, 3.0]),
    "text_pair": (
        [{"text": "a card", "text_pair": other} for other in ("card", "pin", "my card", "no")],
        ["same", "other"] * 2,
    ),
    "ner": (NAMES, [[[*found.span(), "NAME"] for found in re.finditer(r"[A-Z]\w+", text)] for text in NAMES]),
    "relation": (
        [marked(f"Acme {verb} Bolt", "Acme", "Bolt") for verb in ("bought", "met", "has bought", "saw")],
        ["bought", "none"] * 2,
    ),
    "extractive_qa": (
        [
            {"question": "Where?", "passage": f"She lives in {town}."}
            for town in ("Paris", "Rome", "Oslo", "Bern")
        ],
        [[{"text": town, "start": 13}] for town in ("Paris", "Rome", "Oslo", "Bern")],
    ),
    "generation": (
        [{"messages": [{"role": "user", "content": f"hello number {n}"}]} for n in "abcd"],
        [f"You said: hello number {n}" for n in "abcd"],
    ),
}


def quick(task, **settings):
    return Endpoint(**{"task": task, "model": "tiny", "backoff_seconds": 0.01, "n_examples": 2, **settings})


@pytest.mark.parametrize("task", TASKS)
def test_every_task_is_asked_about_with_examples(asked, task, tmp_path):
    items, targets = ROWS[task]
    method = quick(task, price_in=2.0).fit(items, targets)
    predicted = method.predict(items)
    assert list(map(str, predicted)) == list(
        map(str, [target[0]["text"] for target in targets] if task == "extractive_qa" else targets)
    )
    facts = method.facts_
    assert facts["asked"] == 4
    assert facts["without_an_answer"] == 0
    assert facts["examples_per_row"] == 2
    assert 0 < facts["example_tokens_per_row"] < facts["prompt_tokens_per_row"]
    assert facts["cost_per_1000_rows"] == pytest.approx(facts["prompt_tokens_per_row"] * 2 / 1e6 * 1000)
    assert facts["parts_dropped"] == (4 if task == "ner" else 0)
    assert [len(messages) for messages in asked] == [6] * 4, "the same question is never paid for twice"
    folder = tmp_path / "exported"
    folder.mkdir()
    method.export(folder)
    answers = load_predictor(folder).predict(items)
    assert list(map(str, answers.predicted)) == list(map(str, predicted))
    assert len(asked) == 4
    assert json.dumps(answers.record(0))


def test_examples_are_the_nearest_rows_and_never_the_row_itself(asked):
    texts = ["my card is lost", "the card is lost again", "what is the rate", "the rate of today", "hello"]
    labels = ["same", "same", "other", "other", "other"]
    quick("classification", right_fraction=0.9).fit(texts, labels).predict(["my card is lost"])
    _, *turns, last = asked[-1]
    assert "my card is lost" in last["content"]
    shown = [turn["content"] for turn in turns if turn["role"] == "user"]
    assert all("<text>\nmy card is lost\n" not in text for text in shown)
    assert "the card is lost again" in shown[-1], "the nearest stands last"
    assert turns[-1]["content"] == "same"


def test_other_examples_are_another_question(asked):
    items, targets = ROWS["classification"]
    quick("classification", right_fraction=0.9).fit(items, targets).predict(["new card"])
    quick("classification", right_fraction=0.9).fit(items, targets[::-1]).predict(["new card"])
    assert len(asked) == 2


def test_examples_keep_to_the_room_and_are_refused_where_none_fits(asked):
    texts = [f"card {'word ' * length}" for length in (10, 400, 12, 500)]
    method = quick("classification", n_examples=3, most_prompt_tokens=250).fit(texts, ["other", "same"] * 2)
    assert method.facts_["examples_too_long"] == 2
    assert method.facts_["examples_per_row"] < 3
    with pytest.raises(
        SettingsError, match="no training row fits beside a question into most_prompt_tokens = 64"
    ):
        quick("classification", most_prompt_tokens=64).fit(texts, ["other", "same"] * 2)
    asked_before = len(asked)
    quick("classification", n_examples=0, most_prompt_tokens=64, right_fraction=0.9).fit(
        texts, ["other", "same"] * 2
    )
    assert len(asked) == asked_before


def test_personal_data_never_leaves_where_it_is_masked(asked):
    texts = ["Anna wrote to ann.lee@example.org", "Carl called", "Dora wrote to d.o@example.org", "nobody"]
    targets = [[[0, 4, "NAME"]], [[0, 4, "NAME"]], [[0, 4, "NAME"]], []]
    found = quick("ner", mask_personal_data=True, right_fraction=0.9).fit(texts, targets)
    spans = found.predict(["mail ann.lee@example.org of Emil now"])[0]
    assert "example.org" not in json.dumps(asked)
    assert [28, 32, "NAME"] in spans, "places are those of the text before"


def test_what_does_not_stand_in_the_text_is_dropped_or_no_answer():
    ner, qa = ANSWERS["spans"].asking, ANSWERS["passage_answer"].asking
    about = About(("PER", "LOC"))
    parts = [{"text": "Rome", "label": "LOC"}] * 2 + [
        {"text": "Oslo", "label": "LOC"},
        {"text": "Rome", "label": "X"},
    ]
    parsed = ner.parsed(json.dumps(parts), "Rome is not rome", about)
    assert parsed.value == [[0, 4, "LOC"], [12, 16, "LOC"]]
    assert parsed.dropped == 2
    assert ner.parsed("Rome", "Rome", about) is None
    assert qa.parsed("in Berlin", Question("Where?", "She lives in Rome."), about) is None
    assert qa.parsed("“Rome”。", Question("Where?", "She lives in Rome."), about).value == (13, 17)


@pytest.mark.parametrize("said", ["about 3", "3 or 4", "", "three", "nan", "1e999"])
def test_a_number_among_words_is_none(said):
    assert ANSWERS["score"].asking.parsed(said, "a text", About()) is None


def test_chinese_rows_are_asked_about_in_chinese():
    about = About(("退款", "其他"), language="zh")
    for kind in ANSWERS.values():
        if kind.asking is not None:
            told = kind.asking.instructions(about) + kind.asking.cue(about) + kind.asking.reminder(about)
            assert not re.search(r"[a-z]{3,}", re.sub(r"<.*?>|JSON|text|label", "", told)), told


def test_a_task_that_cannot_be_asked_about_is_refused():
    with pytest.raises(SettingsError, match="task is 'retrieval', expected one of classification"):
        quick("retrieval").fit(["a", "b"], ["c", "d"])


def test_probabilities_are_what_validation_showed(asked):
    items, targets = ROWS["ordinal"]
    method = quick("ordinal", order=["low", "high"]).fit(items, targets)
    assert method.chosen_params_ == {"right_fraction": 5 / 6}
    assert method.classes_.tolist() == ["low", "high"]
    np.testing.assert_allclose(method.predict_proba(items).max(axis=1), 5 / 6)
    assert "from the lowest to the highest" in asked[0][0]["content"]
