"""Serves one bundle after the other in a process where importing torch raises: `python light_service.py`.

A line of stdin names a bundle and holds the body of a request; a line of stdout is what the service answered to it.
"""

import json
import sys

BARRED = ("torch", "transformers", "datasets", "accelerate", "peft", "model2vec")
for name in BARRED:
    sys.modules[name] = None

from starlette.testclient import TestClient  # noqa: E402

import metier  # noqa: E402
from metier.serving import build_app  # noqa: E402

for line in sys.stdin:
    asked = json.loads(line)
    with TestClient(build_app(lambda: metier.load(asked["folder"]))) as client:  # noqa: B023
        while (ready := client.get("/readyz")).status_code != 200:
            if ready.json()["error"]["code"] == "load_failed":
                break
        answer = client.post("/v1/predict", json=asked["body"])
    print(json.dumps({"status": answer.status_code, "body": answer.json()}), flush=True)
