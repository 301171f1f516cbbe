"""Which ids of callers may stand in a log where personal data is masked.

A caller chooses its `X-Request-ID`, and clients put customers into it. An id is taken where a machine made it, as far as
can be told: with a digit in it, nothing that the rules for personal data find, and no number of the length of a telephone
number or card. Any other request gets an id of ours, which its answer has.
"""

import re

from metier.text.personal_data import find_personal_data

has_digit = re.compile(r"[0-9]").search
# Inside of a longer hexadecimal number it is a part of that.
has_long_number = re.compile(r"(?<![0-9A-Fa-f-])[0-9]{7,19}(?![0-9A-Fa-f-])").search


def is_machine_made(request_id: str) -> bool:
    """Whether an id of a caller looks as if it held nothing of a person."""
    return (
        bool(has_digit(request_id)) and not has_long_number(request_id) and not find_personal_data(request_id)
    )
