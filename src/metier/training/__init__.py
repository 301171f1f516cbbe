"""How an encoder is fine-tuned: batches, objectives, the loop, checkpoints.

The names below are imported on first use: a run that fine-tunes nothing does without torch.
"""

from typing import TYPE_CHECKING

from metier import late_names

if TYPE_CHECKING:
    from metier.training.shared_encoder import Part, train_together
    from metier.training.shared_export import SharedPart, can_share, export_shared
    from metier.training.tuned_method import TunedEstimator

__all__ = ["Part", "SharedPart", "TunedEstimator", "can_share", "export_shared", "train_together"]

_NAMES_OF = {
    "shared_encoder": ("Part", "train_together"),
    "shared_export": ("SharedPart", "can_share", "export_shared"),
    "tuned_method": ("TunedEstimator",),
}
__getattr__ = late_names.found_late(
    __name__, {name: module for module, names in _NAMES_OF.items() for name in names}
)
