"""A bundle made smaller or faster, with the proof that it stayed as good."""

from typing import TYPE_CHECKING

from metier import late_names

if TYPE_CHECKING:
    from metier.compression.compressing import Compressed, compress
    from metier.compression.frontier_plot import frontier_svg

__all__ = ["Compressed", "compress", "frontier_svg"]

# Late: the help of the command names the techniques, and needs no torch.
__getattr__ = late_names.found_late(
    __name__, {"Compressed": "compressing", "compress": "compressing", "frontier_svg": "frontier_plot"}
)
