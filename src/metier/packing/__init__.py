"""A bundle as an image, a composition, a Kubernetes workload and a system service: the files that deploy it."""

from metier.packing.folder import write_pack
from metier.packing.measured_memory import measured_memory
from metier.packing.settings import PackSettings, check_target, name_of

__all__ = ["PackSettings", "check_target", "measured_memory", "name_of", "write_pack"]
