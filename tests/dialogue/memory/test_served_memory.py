"""A sealed writer with a memory: over HTTP, also after a restart, on the command line, and erased."""

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from metier.cli.memory_options import AskedMemory
from metier.cli.program import run as run_command
from metier.cli.served import Loading, load_served
from metier.dialogue.memory import ConversationStore, StoreSettings
from metier.serving import ServingSettings, build_app

REPLIES = Path(__file__).parents[2] / "bundles" / "sealed_71959d8" / "nearest_reply.v1"


@pytest.fixture
def asked(tmp_path):
    return AskedMemory(tmp_path / "memory.db", StoreSettings())


def client_of(how):
    return TestClient(build_app(lambda: load_served(REPLIES, how), ServingSettings()))


def ready(client):
    while client.get("/readyz").status_code != 200:
        pass
    return client


def test_a_service_goes_on_with_a_conversation_after_a_restart(asked):
    question = {"text": "What is new?", "conversation": "a", "subject": "customer 7"}
    for number in (1, 2):
        with client_of(Loading(memory=asked)) as client:
            found = ready(client).post("/v1/predict", json=question)
            assert found.status_code == 200, found.text
            assert found.json()["text"]
        assert len(asked.opened().turns("a")) == 2 * number
    assert asked.opened().turns("a")[0] == {"role": "user", "content": "What is new?"}
    assert asked.opened().erase("customer 7") == 4


def test_without_a_memory_a_conversation_is_an_unknown_field(asked):
    with client_of(Loading()) as client:
        found = ready(client).post("/v1/predict", json={"text": "hi", "conversation": "a"})
        assert (found.status_code, found.json()["error"]["field"]) == (422, "conversation")


def test_the_command_line_remembers_and_erases(tmp_path, capsys):
    memory = tmp_path / "memory.db"
    call = ["reply", str(REPLIES), "--memory", str(memory), "--conversation", "a", "What is new?"]
    assert run_command(call) == 0
    assert run_command(call) == 0
    capsys.readouterr()
    assert len(ConversationStore(memory).turns("a")) == 4
    assert run_command(["erase", "--subject", "a", "--memory", str(memory)]) == 0
    assert "4 turns" in capsys.readouterr().out
    assert ConversationStore(memory).turns("a") == []


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--memory", "m.db"], "--conversation NAME"),
        (["--conversation", "a"], "without --memory"),
        (["--memory-days", "3"], "without --memory"),
        (["--labeller", "x"], "without --cases"),
    ],
)
def test_flags_that_would_do_nothing_are_refused(flags, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run_command(["reply", str(REPLIES), *flags, "hello"]) == 2
    assert said in capsys.readouterr().err
