"""The memory of a process, as Linux counts it: resident, and its share where several processes map the same pages."""

import contextlib
import ctypes
from dataclasses import dataclass
from pathlib import Path

KILOBYTE = 1024


@dataclass(frozen=True)
class Memory:
    """The memory of a process.

    Parameters
    ----------
    resident_bytes : int
        Of every page that it has in memory (RSS), shared or not.
    proportional_bytes : int
        Of its own pages, and its part of each page that it shares (PSS): these add up over processes.
    private_bytes : int
        Of the pages that nobody else has: what would be free without it.
    """

    resident_bytes: int
    proportional_bytes: int
    private_bytes: int


def memory_of(pid: int) -> Memory | None:
    """Give the memory of a process; None: it is gone, or the machine does not say."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    except (OSError, UnicodeDecodeError):
        return None
    sizes = {name: KILOBYTE * int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}
    if "Pss" not in sizes:
        return None
    return Memory(sizes["Rss"], sizes["Pss"], sizes["Private_Clean"] + sizes["Private_Dirty"])


def return_unused_memory() -> None:
    """Give the system back what loading needed and answering does not, where the C library can (glibc)."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
