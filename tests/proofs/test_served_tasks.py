"""Each task: trained on real rows, sealed, and served over HTTP by a process in which importing torch raises."""

import base64
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import numpy as np
import pytest

import metier

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NO_TORCH = 'raise ImportError("torch must not be imported to answer")\n'
RECORDING = base64.b64encode((EXAMPLES / "company_words" / "audio" / "0000.ogg").read_bytes()).decode()

MOST_ROWS = 400
# By task: a file, a candidate, what `train` has to be told, a question, and the field that answers it.
TASKS = {
    "classification": ("banking77/test.csv", "tfidf_linear", {}, {"text": "my card never came"}, "label"),
    "multi_label": (
        "sgd_dialogues/acts/train.jsonl",
        "many_labels_linear",
        {},
        {"text": "I want to fly to Toronto."},
        "labels",
    ),
    "ordinal": (
        "twitter_financial_news/train.csv",
        "ordinal_logistic",
        {"task": "ordinal"},
        {"text": "shares fall"},
        "label",
    ),
    "regression": (
        "covid_faq/question_pairs.csv",
        "ridge",
        {"score": "similar", "label": "none"},
        {"text": "What is a virus?", "text_pair": "What are viruses?"},
        "score",
    ),
    "ner": ("ncbi_disease/dev.conll", "crf", {}, {"text": "Ataxia telangiectasia is rare ."}, "spans"),
    "relation": (
        "semeval2010_task8/train.jsonl",
        "relation_linear",
        {},
        {"text": "The fire was caused by a candle.", "head": [4, 8], "tail": [25, 31]},
        "label",
    ),
    "extractive_qa": (
        "xquad/test.en.json",
        "passage_phrase",
        {},
        {"question": "Who wrote it?", "passage": "Ada Lovelace wrote it in 1843. It was long."},
        "answer",
    ),
    "text_pair": (
        "covid_faq/question_pairs.csv",
        "pair_linear",
        {},
        {"text": "What is a virus?", "text_pair": "What are viruses?"},
        "label",
    ),
    "retrieval": (
        "covid_faq/faq.jsonl",
        "bm25",
        {"task": "retrieval", "text": "question", "text_pair": "answer", "label": "none"},
        {"text": "Can my cat catch it?"},
        "matches",
    ),
    "generation": ("scitldr/dev.jsonl", "lead", {}, {"text": "One sentence. And another one."}, "text"),
    "transcription": ("company_words/data.csv", "frozen_speech", {}, {"audio": RECORDING}, "text"),
}


@pytest.fixture(scope="module", params=list(TASKS))
def served(request, tmp_path_factory):
    """A running service of a task's bundle, and what to ask it."""
    file, candidate, options, question, field = TASKS[request.param]
    folder = tmp_path_factory.mktemp(request.param)
    roles = {name: told for name, told in options.items() if name != "task"}
    rows = metier.read(EXAMPLES / file, **roles)
    picked = np.random.default_rng(0).permutation(len(rows))[:MOST_ROWS]
    run = metier.train(
        rows.take(picked),
        candidates=[candidate],
        budget="2m",
        run=folder / "run",
        settings={"refit": False, "data": {"keep_rare": True}},
        task=options.get("task"),
    )
    assert run.report["task"] == request.param
    (folder / "blocked").mkdir()
    (folder / "blocked" / "torch.py").write_text(NO_TORCH)
    environment = {**os.environ, "PYTHONPATH": str(folder / "blocked")}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "metier",
        "serve",
        str(folder / "run"),
        "--port",
        str(port),
        "--access-log",
        "off",
    ]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield f"http://127.0.0.1:{port}", question, field
        finally:
            process.kill()
            process.communicate()


def wait_until_ready(client):
    deadline = time.monotonic() + 60
    while True:
        try:
            if client.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < deadline, "the service was not ready within a minute"
        time.sleep(0.1)


def test_a_question_is_answered_over_http(served):
    address, question, field = served
    with httpx.Client(base_url=address, timeout=120, trust_env=False) as client:
        wait_until_ready(client)
        answer = client.post("/v1/predict", json=question)
        assert answer.status_code == 200, answer.text
        assert field in answer.json()
        assert answer.json()["answered_by"].endswith(".v1")
        refused = client.post("/v1/predict", json={"txt": "a"})
        assert refused.status_code == 422
        assert "txt" in refused.json()["error"]["message"]
