"""Facts about this machine: cores, memory, and the CPU instructions that decide which precision is fast.

Half precision on a CPU that lacks it is emulated, twenty times slower; eight-bit integers without VNNI gain
little. These facts decide the training precision and are stored with every measurement.
"""

import os
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

# From the least to the most capable; names as in /proc/cpuinfo.
INSTRUCTION_SETS = (
    "avx2",
    "avx512f",
    "avx512_vnni",
    "avx_vnni",
    "avx512_bf16",
    "amx_int8",
    "amx_bf16",
    "asimd",
    "bf16",
    "i8mm",
)
# Those that torch trains with: it has no matrix products in bf16 for ARM.
BF16_SETS = frozenset({"avx512_bf16", "amx_bf16"})


@dataclass(frozen=True)
class Machine:
    """The machine this process runs on.

    Parameters
    ----------
    cores : int
        Cores this process may use, not those the machine has.
    memory_bytes : int
        Memory of the machine, in bytes.
    cpu : str
        Name of the processor as the system reports it.
    instruction_sets : tuple of str
        Those of `INSTRUCTION_SETS` that the processor has.
    """

    cores: int
    memory_bytes: int
    cpu: str
    instruction_sets: tuple[str, ...]

    @property
    def has_bf16(self) -> bool:
        """Whether the processor computes bf16 in hardware, not by emulation."""
        return not BF16_SETS.isdisjoint(self.instruction_sets)

    def as_dict(self) -> dict[str, Any]:
        """Give the facts for JSON."""
        return asdict(self) | {"instruction_sets": list(self.instruction_sets)}


def describe_machine() -> Machine:
    """Read the facts about this machine."""
    facts = _cpu_facts()
    flags = set(facts.get("flags", facts.get("Features", "")).split())
    return Machine(
        cores=usable_cores(),
        memory_bytes=int(psutil.virtual_memory().total),
        cpu=facts.get("model name", platform.processor() or platform.machine()),
        instruction_sets=tuple(name for name in INSTRUCTION_SETS if name in flags),
    )


def usable_cores() -> int:
    """Cores this process may run on: a container's share, not the machine's total."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # Only Linux tells.
        return os.cpu_count() or 1


def _cpu_facts() -> dict[str, str]:
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return {}
    first = path.read_text(encoding="utf-8", errors="replace").split("\n\n")[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}
