"""Addresses of machines on the internet, version 4 and 6."""

import ipaddress
import re
from collections.abc import Iterator

from metier.text.personal_data.context import Context
from metier.text.personal_data.found import PersonalData, found_at

_WORDS = Context(
    "ip|ip address|ipv4|ipv6|host|server|client|logged in from|login from|from", "IP|地址|登录|服务器|主机"
)
_version_4 = re.compile(r"(?<![0-9A-Za-z_.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![0-9A-Za-z_]|\.[0-9])").finditer
# Two colons or more; a time of day (12:30:45) is no address, and neither is a name in C++ (std::vector).
_version_6 = re.compile(
    r"(?<![0-9A-Za-z_:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![0-9A-Za-z_:])"
).finditer


def find_ip_address(text: str) -> Iterator[PersonalData]:
    """Find addresses of machines; that of the machine itself (127.0.0.1, ::1) and 0.0.0.0 tell of nobody."""
    for found in _version_4(text) if "." in text else ():
        if _is_somebodys(found.group()) and _WORDS.before(text, found.start()) is not False:
            yield found_at(text, *found.span(), "IP_ADDRESS", "form")
    for found in _version_6(text) if ":" in text else ():
        groups = [group for group in found.group().split(":") if group]
        if len(groups) > 2 and _is_somebodys(found.group()):
            yield found_at(text, *found.span(), "IP_ADDRESS", "form")


def _is_somebodys(piece: str) -> bool:
    try:
        address = ipaddress.ip_address(piece)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified or str(address).startswith("255."))
