"""Parse JSON that others wrote: whatever Python cannot take from it is one kind of fault."""

import json
from typing import Any


def json_value(text: str) -> Any:
    """Give what a JSON text holds.

    Raises
    ------
    json.JSONDecodeError
        If it is not JSON, is nested too deeply to be read, or holds an integer of too many digits to be read.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        raise
    except RecursionError:
        raise json.JSONDecodeError("nested too deeply", text, 0) from None
    except ValueError:  # Python reads no integer of more than 4,300 digits.
        raise json.JSONDecodeError("an integer with thousands of digits", text, 0) from None
