"""What of a request may stand in a log where personal data is masked: no path that a caller made up, and no id like a name.

A caller chooses its paths and its `X-Request-ID`, and clients put customers into both. Of a path the log has the endpoint's own
form. An id is taken where a machine made it, as far as can be told: with a digit in it, nothing that the rules for personal
data find, and no number of the length of a telephone number or card.
"""

import re

from starlette.routing import Route
from starlette.types import Scope

from metier.text.personal_data import find_personal_data

OTHER = "other"
has_digit = re.compile(r"[0-9]").search
# Inside of a longer hexadecimal number it is a part of that.
has_long_number = re.compile(r"(?<![0-9A-Fa-f-])[0-9]{7,19}(?![0-9A-Fa-f-])").search


def logged_path(scope: Scope) -> str:
    """Give the path of the endpoint that was asked, with the names of its parts; `other` where there is none."""
    route = scope.get("route")
    return route.path if isinstance(route, Route) else OTHER


def is_machine_made(request_id: str) -> bool:
    """Whether an id of a caller looks as if it held nothing of a person."""
    return bool(has_digit(request_id)) and not has_long_number(request_id) and not find_personal_data(request_id)
