"""A careful release, as an engineer would go through it with the commands alone: from rows to a rolled-back challenger."""

import csv
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

pytestmark = pytest.mark.slow
BANKING = Path(__file__).parents[2] / "examples" / "banking77"
LABELS = (
    "card_arrival",
    "lost_or_stolen_card",
    "exchange_rate",
    "pending_transfer",
    "top_up_failed",
    "age_limit",
)
WAIT = 120


def rows_of(name):
    with (BANKING / name).open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["label"] in LABELS]


def write(path, rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, ["text", "label"])
        table.writeheader()
        table.writerows({"text": row["text"], "label": row["label"]} for row in rows)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Rows, and the same rows with half of the labels wrong."""
    folder, draw = tmp_path_factory.mktemp("release"), random.Random(0)
    train, test = rows_of("train.csv"), rows_of("test.csv")
    assert len(train) > 500
    write(folder / "train.csv", train)
    write(folder / "test.csv", test)
    wrong = [
        row | {"label": draw.choice([one for one in LABELS if one != row["label"]])}
        if draw.random() < 0.5
        else row
        for row in train
    ]
    write(folder / "wrong.csv", wrong)
    return folder


@pytest.fixture(scope="module")
def metier(place):
    environment = {**os.environ, "METIER_LANG": "en", "COLUMNS": "200"}

    def run(*args, code=0):
        done = subprocess.run(
            [sys.executable, "-m", "metier", *map(str, args)],
            cwd=place,
            env=environment,
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == code, f"{args}: {done.stdout}\n{done.stderr}"
        return done.stdout

    return run


@pytest.fixture(scope="module")
def released(place, metier):
    """Two versions in a registry: the first has passed its gate and answers, the second is worse."""
    for name, rows in (("good", "train.csv"), ("worse", "wrong.csv")):
        metier(
            *("train", rows, "--test", "test.csv", "--candidates", "tfidf_linear"),
            *("--budget", "60s", "--run", name),
        )
    (place / "policy.yaml").write_text("rows: test.csv\nconditions:\n  - accuracy >= 0.8\n", encoding="utf-8")
    metier("gate", "good", "--policy", "policy.yaml")
    metier("gate", "worse", "--policy", "policy.yaml", "--no-seal", code=1)
    metier("registry", "add", "good", "support")
    metier("registry", "promote", "support", 1, "--why", "first release")
    metier("registry", "add", "worse", "support")
    metier("registry", "promote", "support", 2, code=1)
    return json.loads(metier("keys", "create", "shop", "--scopes", "operator", "--keys", "keys.json", "--json"))


@pytest.fixture(scope="module")
def service(place, released):
    command = ["serve", "--registry", "registry", "support", "--port", "0", "--keys", "keys.json", "--json"]
    logs = ["--log-predictions", "predictions", "--audit", "audit", "--mask", "log"]
    with (
        (place / "serve.log").open("w") as log,
        subprocess.Popen(
            [sys.executable, "-m", "metier", *command, *logs],
            cwd=place,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        try:
            url = json.loads(process.stdout.readline())["url"]
            with httpx.Client(base_url=url, headers={"X-API-Key": released["key"]}, trust_env=False) as client:
                yield client, url
        finally:
            process.terminate()
            process.wait(60)


def ask(client, text, subject):
    return client.post("/v1/predict", json={"text": text, "subject": subject}).raise_for_status().json()


def test_a_release_from_rows_to_a_rolled_back_challenger(place, metier, service, released):
    client, url = service
    curl = ["curl", "-s", f"{url}/v1/predict", "-H", f"Authorization: Bearer {released['key']}"]
    asked = subprocess.run(
        [*curl, "-d", '{"text": "my card never came"}'], capture_output=True, text=True, check=True
    )
    answer = json.loads(asked.stdout)
    assert (answer["label"], answer["version"]) == ("card_arrival", 1)
    assert httpx.post(f"{url}/v1/predict", json={"text": "a"}, trust_env=False).status_code == 401
    given = ask(client, "my card 4111 1111 1111 1111 is lost", "ann")
    said = {"prediction_id": given["prediction_id"], "correction": "lost_or_stolen_card"}
    deadline = time.monotonic() + WAIT
    while client.post("/v1/feedback", json=said).status_code == 404:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert 'metier_http_requests_total{method="POST",path="/v1/predict"' in client.get("/metrics").text
    metier(
        "registry", "rollout", "support", 2, "--shadow", "--force", "--criteria", "errors=0.02,disagreement=0.1"
    )
    texts = [row["text"] for row in rows_of("test.csv")]
    standing = {"status": "running"}
    deadline = time.monotonic() + WAIT
    while standing["status"] == "running":
        assert time.monotonic() < deadline, standing
        for number, text in enumerate(texts[:60]):
            assert ask(client, text, f"caller {number}")["version"] == 1
        standing = json.loads(metier("registry", "rollout", "support", "--json"))
    assert standing["status"] == "rolled back"
    assert "roll" in metier("registry", "history", "support")
    assert metier("audit", "verify", "audit")
    before = metier("predictions", "predictions")
    assert "4111 1111" not in before + (place / "serve.log").read_text() + client.get("/metrics").text
    assert said["correction"] in before
    metier("erase", "--subject", "ann", "--audit", "audit", "--predictions", "predictions")
    assert given["prediction_id"] not in metier("predictions", "predictions")
    assert metier("audit", "verify", "audit")
