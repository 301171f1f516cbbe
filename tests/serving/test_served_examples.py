"""What docs/serving.md tells to copy is sent as it stands, to a service like the one that it names."""

import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from metier.cli.served import loads_of
from metier.serving import build_app

ROOT = Path(__file__).parents[2]
SEALED = ROOT / "tests" / "bundles" / "sealed_71959d8"
PAGE = (ROOT / "docs" / "serving.md").read_text("utf-8")
SENT = re.compile(r"^\$ curl localhost:8000(/\S+)(?: -d '(.*)')?$", re.MULTILINE)


def examples(title):
    section = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    return SENT.findall(section)


@pytest.fixture(scope="module")
def client():
    load = loads_of([f"intents={SEALED / 'static.v1'}", f"pairs={SEALED / 'pair_linear.v1'}"])
    with TestClient(build_app(load)) as made:
        while made.get("/readyz").status_code != 200:
            pass
        yield made


@pytest.mark.parametrize(
    ("path", "body"), [*examples("Open Inference Protocol"), *examples("Vectors and ranks")]
)
def test_an_example_is_answered(client, path, body):
    ranks = path == "/rerank"
    sent = body.replace('{"query"', '{"model": "pairs", "query"') if ranks else body
    answer = client.post(path, content=sent) if body else client.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.json()


def test_there_are_examples_of_each_kind():
    assert len(examples("Open Inference Protocol")) == 4
    assert len(examples("Vectors and ranks")) == 3
