"""One port for several processes: each listens on a socket of its own, and the kernel deals connections out by chance.

Where processes accept from one socket instead, whichever wakes first takes most of the connections: of 64, one of two
workers had 50. A socket belongs to its worker alone, so that one that dies takes no connection with it but its own. Only
processes of the same user can join.
"""

import socket
from typing import Any


def bind_shared(family: int, address: Any) -> socket.socket:
    """Give a socket that is bound to an address with others, and does not listen yet.

    Raises
    ------
    OSError
        If the address is taken by a process that does not share it, or cannot be bound.
    """
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind(address)
    except OSError:
        bound.close()
        raise
    return bound


def bound_alike(other: socket.socket) -> socket.socket:
    """Give a further socket at the address of another one."""
    bound = bind_shared(other.family, other.getsockname())
    set_no_delay(bound)
    return bound


def set_no_delay(listening: socket.socket) -> None:
    """Have answers sent at once: connections inherit it.

    asyncio sets it only on sockets with an explicit protocol. Without it the second packet of an answer waits 40 ms for
    the delayed ACK of the first.
    """
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
