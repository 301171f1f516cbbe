"""A service of BentoML: `bentoml serve benchmarks.peers.serving_bentoml:Texts --port PORT`."""

from typing import Any

import bentoml

from benchmarks.peers.serving_answers import served


@bentoml.service(workers=1, threads=1, metrics={"enabled": True}, logging={"access": {"enabled": False}})
class Texts:
    """Answer texts, one a request."""

    def __init__(self) -> None:
        self.answer = served()

    @bentoml.api
    def predict(self, text: str) -> dict[str, Any]:
        """Answer one text."""
        return self.answer([text])[0]
