"""E-mail addresses: by their form alone."""

import re
from collections.abc import Iterator

from metier.text.personal_data.found import PersonalData, found_at

# A part before the sign of at most 64 characters and a domain that ends in letters (RFC 5321, without quoted forms).
_addresses = re.compile(
    r"(?<![A-Za-z0-9._%+'-])[A-Za-z0-9_%+'-](?:[A-Za-z0-9._%+'-]{0,62}[A-Za-z0-9_%+-])?"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}[A-Za-z]{2,24}(?![A-Za-z0-9@])"
).finditer


def find_email(text: str) -> Iterator[PersonalData]:
    """Find e-mail addresses."""
    if "@" in text:
        for found in _addresses(text):
            yield found_at(text, *found.span(), "EMAIL_ADDRESS", "form")
