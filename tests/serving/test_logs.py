"""Everything that the service says is a JSON line, with the id of its request."""

import json
import logging
import time

import pytest

from metier.serving import ServingSettings, build_app
from metier.serving.logs import show_logs


@pytest.fixture
def shown():
    """Show the logs and put everything back afterwards."""
    loggers = [logging.getLogger(name) for name in ("metier.access", "metier.serving", "uvicorn")]
    before = [(logger.handlers, logger.level, logger.propagate) for logger in loggers]
    yield show_logs
    for logger, (handlers, level, propagates) in zip(loggers, before, strict=True):
        logger.handlers, logger.propagate = handlers, propagates
        logger.setLevel(level)


def test_a_failure_is_one_line_with_the_id_of_its_request_and_no_text(model, start, shown, capfd):
    shown("json")
    client = start(build_app(lambda: model, ServingSettings(access_log="json")))
    headers = {"X-Request-ID": "order-7"}
    assert client.post("/v1/predict", json={"text": "break 4111"}, headers=headers).status_code == 500
    said, deadline = "", time.monotonic() + 20
    while '"status": 500' not in said:  # The access line comes after the answer.
        said += capfd.readouterr().err
        assert time.monotonic() < deadline
    lines = [json.loads(line) for line in said.splitlines()]
    [failed] = [line for line in lines if line.get("level") == "error"]
    assert failed["request_id"] == "order-7"
    assert failed["logger"] == "metier.serving"
    assert "ZeroDivisionError" in failed["message"]
    [access] = [line for line in lines if line.get("status") == 500]
    assert access["code"] == "our_fault"
    assert all("4111" not in json.dumps(line) for line in lines)


def test_as_text_where_the_access_log_is_text(shown, capfd):
    shown("common")
    logging.getLogger("metier.serving").error("worker %d ended", 3)
    assert capfd.readouterr().err == "worker 3 ended\n"


def test_an_exception_is_logged_without_its_message(shown, capfd):
    shown("json")
    text = " ".join(("a", "text"))
    try:
        raise ValueError(text)
    except ValueError:
        logging.getLogger("uvicorn.error").exception("it broke")
    line = json.loads(capfd.readouterr().err)
    assert line["error"].startswith("ValueError at\n")
    assert "a text" not in json.dumps(line)
