"""A dialogue from sealed bundles, over HTTP in the form of chat completions, and on the command line."""

import base64
import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from starlette.testclient import TestClient

import metier
from metier.bases.known_base import known_base
from metier.cli.program import run as run_command
from metier.dialogue.loading import load_dialogue
from metier.errors import CallError, DataError, MissingLabelError
from metier.serving import ServingSettings, build_app

pytest.importorskip("PIL", reason="needs metier[image]")
pytestmark = pytest.mark.skipif(known_base("efficientnet-lite0").source is None, reason="needs metier[image]")
LIMITS = ServingSettings(max_rows=6, max_characters=200, max_image_bytes=40_000, max_request_pixels=90_000)


def picture(path):
    data = base64.b64encode(Path(path).read_bytes()).decode()
    return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}


def said(text, *parts, role="user"):
    return {"role": role, "content": [{"type": "text", "text": text}, *parts] if parts else text}


@pytest.fixture(scope="module")
def dialogue(office):
    return load_dialogue(office.search, office.cases, labeller=office.labels)


@pytest.fixture(scope="module")
def client(dialogue):
    with TestClient(build_app(lambda: dialogue, LIMITS)) as client:
        while client.get("/readyz").status_code != 200:
            pass
        yield client


def test_a_conversation_with_a_picture_is_replied_to_in_the_form_of_chat_completions(client, dialogue, office):
    row = office.rows[3]
    messages = [
        said("Look at this.", picture(row["image"])),
        said("What would you like to know?", role="assistant"),
        said(row["text"]),
    ]
    found = client.post("/v1/chat/completions", json={"model": "any", "messages": messages}).json()
    assert (found["object"], found["model"]) == ("chat.completion", "aligned_linear.v1")
    [choice] = found["choices"]
    assert (choice["message"]["role"], choice["finish_reason"]) == ("assistant", "stop")
    expected = dialogue.reply([{"role": "user", "content": row["text"], "image": row["image"]}])
    assert choice["message"]["content"] == expected.text
    assert [case["id"] for case in found["cases"]] == [one.case.id for one in expected.cases]
    assert found["cases"][0]["answer"] in expected.text
    assert found["labels"] == pytest.approx(expected.labels, abs=1e-5)
    assert len(found["labels"]) == 3
    assert found["is_answered"]


def test_the_reply_is_in_the_language_of_the_user_or_the_one_that_is_asked_for(client, office):
    asked = {"messages": [said("这是什么？", picture(office.rows[0]["image"]))]}
    assert (
        "相似度" in client.post("/v1/chat/completions", json=asked).json()["choices"][0]["message"]["content"]
    )
    english = client.post("/v1/chat/completions", json=asked | {"language": "en"}).json()
    assert "similarity" in english["choices"][0]["message"]["content"]


def test_nothing_of_a_conversation_is_kept(client, office):
    client.post("/v1/chat/completions", json={"messages": [said("Look", picture(office.rows[5]["image"]))]})
    refused = client.post("/v1/chat/completions", json={"messages": [said("ok", role="assistant")]})
    assert refused.status_code == 422
    assert refused.json()["error"]["code"] == "bad_conversation"


def test_it_is_streamed_as_chunks(client, office):
    asked = {"messages": [said("What?", picture(office.rows[0]["image"]))]}
    whole = client.post("/v1/chat/completions", json=asked).json()
    answer = client.post("/v1/chat/completions", json=asked | {"stream": True})
    assert answer.headers["content-type"].startswith("text/event-stream")
    *events, done = [line.removeprefix("data: ") for line in answer.text.splitlines() if line]
    assert done == "[DONE]"
    first, last = map(json.loads, events)
    assert first["choices"][0]["delta"]["content"] == whole["choices"][0]["message"]["content"]
    assert last["choices"][0]["finish_reason"] == "stop"
    assert last["cases"] == whole["cases"]


def test_the_search_still_answers_at_predict(client, office):
    assert client.post("/v1/predict", json={"text": office.rows[0]["text"]}).json()["matches"]


LINK = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
NO_IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGVsbG8="}}
LARGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 60_000}}


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        (b"{", 400, "bad_json", None),
        (b"[]", 422, "bad_request", None),
        (b"{}", 422, "bad_conversation", "messages"),
        ({"messages": []}, 422, "bad_conversation", "messages"),
        ({"messages": [said("x")], "tools": []}, 422, "unknown_field", "tools"),
        ({"messages": [said("x")], "n": 2}, 422, "bad_request", "n"),
        ({"messages": [said("x")], "stream": "yes"}, 422, "bad_request", "stream"),
        ({"messages": [said("x")], "language": "fr"}, 422, "bad_request", "language"),
        ({"messages": [said("x", role="robot")]}, 422, "bad_conversation", "messages.0.role"),
        ({"messages": [said("x", LINK)]}, 422, "bad_image", "messages"),
        ({"messages": [said("x", NO_IMAGE)]}, 422, "bad_image", "messages"),
        ({"messages": [said("x", LARGE)]}, 413, "image_too_large", "messages"),
        ({"messages": [said("x")] * 7}, 413, "too_many_messages", "messages"),
        ({"messages": [said("x" * 201)]}, 413, "text_too_long", "messages.0.content"),
        ({"messages": [said("  ")]}, 422, "bad_conversation", None),
    ],
)
def test_a_wrong_conversation_gets_an_error_with_what_was_found(client, body, status, code, field):
    given = {"content": body} if isinstance(body, bytes) else {"json": body}
    answer = client.post("/v1/chat/completions", **given)
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert (error["code"], error.get("field")) == (code, field)
    assert len(error["message"]) < 500


def test_too_many_pixels_are_refused_before_they_are_decoded(client, tmp_path):
    from PIL import Image

    Image.new("L", (400, 300)).save(tmp_path / "large.png")
    answer = client.post(
        "/v1/chat/completions", json={"messages": [said("x", picture(tmp_path / "large.png"))]}
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_many_pixels")


def test_a_model_without_cases_holds_no_conversation(office):
    with TestClient(build_app(lambda: metier.load(office.labels), LIMITS)) as client:
        while client.get("/readyz").status_code != 200:
            pass
        answer = client.post("/v1/chat/completions", json={"messages": [said("x")]})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "no_dialogue")


def test_it_replies_in_a_process_where_importing_torch_raises(dialogue, office):
    row = office.rows[2]
    code = f"""
        import sys
        sys.modules["torch"] = sys.modules["transformers"] = None
        from metier.dialogue.loading import load_dialogue
        found = load_dialogue({str(office.search)!r}, {str(office.cases)!r}, labeller={str(office.labels)!r})
        print(found.reply([{{"role": "user", "content": {row["text"]!r}, "image": {row["image"]!r}}}]).text)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    )
    expected = dialogue.reply([{"role": "user", "content": row["text"], "image": row["image"]}])
    assert done.stdout.strip() == expected.text


def test_what_fits_no_dialogue_is_said(office, writing_bundle, tmp_path):
    with pytest.raises(CallError, match=r"is none\. Train one with metier train CASES --task retrieval"):
        load_dialogue(office.labels, office.cases)
    with pytest.raises(CallError, match="Give another, or leave --labeller out"):
        load_dialogue(office.search, office.cases, labeller=office.search)
    with pytest.raises(CallError, match="Give another, or leave --writer out"):
        load_dialogue(office.search, office.cases, writer=office.labels)
    other = tmp_path / "others.jsonl"
    new = Path(office.rows[0]["image"]).read_bytes()
    (tmp_path / "new.png").write_bytes(new + b" ")
    other.write_text(json.dumps(office.rows[0] | {"image": str(tmp_path / "new.png")}) + "\n", "utf-8")
    with pytest.raises(DataError, match="None of the 1 cases"):
        load_dialogue(office.search, other)
    with pytest.raises(MissingLabelError):
        load_dialogue(office.search, office.cases, columns={"target": "none"})


def test_a_sealed_writer_is_asked_and_cannot_make_numbers_up(office, writing_bundle):
    dialogue = load_dialogue(office.search, office.cases, writer=writing_bundle)
    reply = dialogue.reply([{"role": "user", "content": office.rows[0]["text"]}])
    assert reply.written_by in ("generator.v1", "template")
    assert reply.cases[0].case.id in reply.text


@pytest.fixture
def call(capsys):
    def called(*words):
        code = run_command(["reply", *map(str, words)])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return called


def test_the_command_replies_and_cites(call, office, tmp_path):
    row = office.rows[1]
    of_dialogue = [office.search, "--cases", office.cases, "--labeller", office.labels]
    code, out, _ = call(*of_dialogue, row["text"], "--image", row["image"])
    assert code == 0
    assert row["id"] in out
    history = tmp_path / "history.json"
    history.write_text(json.dumps([said("看这个", picture(row["image"]))]), "utf-8")
    code, out, _ = call(*of_dialogue, row["text"], "--messages", history, "--json")
    assert code == 0
    assert json.loads(out)["language"] == "zh"
    assert json.loads(out)["cases"][0]["id"] == row["id"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "There is nothing to reply to"),
        (["x", "--image", "nothing.png"], "there is no such file"),
        (["x", "--messages", "nothing.json"], "cannot be read as JSON"),
        (["x", "--role", "picture=image"], "--role takes ROLE=COLUMN"),
    ],
)
def test_a_wrong_call_is_said(call, office, words, said):
    code, _, err = call(office.search, "--cases", office.cases, *words)
    assert code in (1, 2)
    assert said in err
    assert "Traceback" not in err


def test_flags_of_a_dialogue_without_cases_are_refused(office, capsys):
    assert run_command(["serve", str(office.search), "--labeller", str(office.labels)]) == 2
    assert "--labeller would do nothing without --cases" in capsys.readouterr().err
