"""A server of LitServe: `python -m benchmarks.peers.serving_litserve PORT`."""

import sys
from typing import Any

import litserve

from benchmarks.peers.serving_answers import served


class Texts(litserve.LitAPI):  # type: ignore[misc]
    """Answer texts, one a request."""

    def setup(self, device: str) -> None:
        """Load what answers."""
        self.answer = served()

    def decode_request(self, request: dict[str, Any]) -> str:
        """Give the text."""
        return str(request["text"])

    def predict(self, text: str) -> dict[str, Any]:
        """Answer it."""
        return self.answer([text])[0]

    def encode_response(self, output: dict[str, Any]) -> dict[str, Any]:
        """Give the body."""
        return output


if __name__ == "__main__":
    server = litserve.LitServer(Texts(), accelerator="cpu", workers_per_device=1)
    server.run(
        host="127.0.0.1",
        port=int(sys.argv[1]),
        num_api_servers=1,
        generate_client_file=False,
        log_level="error",
        access_log=False,
    )
