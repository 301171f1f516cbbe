"""What this machine offers: cores, memory, and the CPU instructions that decide which precision is fast.

Half precision on a CPU that lacks it is emulated, twenty times slower; eight-bit integers without VNNI gain
little. So these facts choose the precision of training, and every measured figure is kept beside them.
"""

import os
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

# In the order of what they bring; names as /proc/cpuinfo spells them.
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
BF16_SETS = frozenset({"avx512_bf16", "amx_bf16", "bf16"})


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
        The processor's name as the system gives it.
    instruction_sets : tuple of str
        Those of `INSTRUCTION_SETS` that the processor has.
    """

    cores: int
    memory_bytes: int
    cpu: str
    instruction_sets: tuple[str, ...]

    @property
    def has_bf16(self) -> bool:
        """Whether bf16 is computed by the processor itself, not emulated."""
        return not BF16_SETS.isdisjoint(self.instruction_sets)

    def as_dict(self) -> dict[str, Any]:
        """The facts for JSON."""
        return asdict(self) | {"instruction_sets": list(self.instruction_sets)}


def describe_machine() -> Machine:
    """Read the facts off this machine."""
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
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _cpu_facts() -> dict[str, str]:
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return {}
    first = path.read_text(encoding="utf-8", errors="replace").split("\n\n")[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}
