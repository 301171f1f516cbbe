"""The log of the service on stderr: the lines of requests, and what else it says, as JSON lines or as text.

Each line of JSON has `time`, `level`, `logger` and `message`, and the `request_id` of the request that is being answered,
if one is. The access log has lines of its own form already. No line quotes a text.
"""

import json
import logging
import traceback

from metier.serving.access_log import LOG as ACCESS
from metier.serving.access_log import AccessForm, as_time
from metier.serving.request_ids import current_request_id

SERVICE = logging.getLogger("metier.serving")
SERVER = logging.getLogger("uvicorn")  # Warns of what is not HTTP.


class JsonLines(logging.Formatter):
    """A line of JSON for each record."""

    def format(self, record: logging.LogRecord) -> str:
        """Give the line."""
        facts = {
            "time": as_time(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": current_request_id(),
            "error": _error(record),
        }
        return json.dumps(
            {name: value for name, value in facts.items() if value is not None}, ensure_ascii=False
        )


def show_logs(form: AccessForm = "json") -> None:
    """Let what the service says go to stderr: stdout is for answers.

    Parameters
    ----------
    form : str
        Of the access log; where that is JSON, everything else is, too.
    """
    lines = logging.Formatter("%(message)s")
    _show(ACCESS, lines, logging.INFO)
    for logger in (SERVICE, SERVER):
        _show(logger, JsonLines() if form == "json" else lines, logging.WARNING)
    SERVICE.setLevel(logging.INFO)


def _show(logger: logging.Logger, formatter: logging.Formatter, level: int) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    logger.handlers = [handler]
    logger.setLevel(level)
    logger.propagate = False


def _error(record: logging.LogRecord) -> str | None:
    """Give the type and the place of an exception, without its message, which could quote a text."""
    if not record.exc_info or record.exc_info[0] is None:
        return None
    kind, _, trace = record.exc_info
    return f"{kind.__name__} at\n{''.join(traceback.format_tb(trace)).rstrip()}"
