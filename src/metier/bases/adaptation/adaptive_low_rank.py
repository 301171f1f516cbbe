"""Low-rank adaptation with a budget of ranks (Zhang et al., "AdaLoRA", 2023, arXiv:2303.10512).

Each update is written P diag(s) Q, its ranks start half as many again as wanted, and after each step those of least
importance anywhere in the encoder lose their s. P and Q are kept near orthogonal by a penalty, so that s says how
important a rank is.
"""

from typing import Any

import torch
from peft import AdaLoraConfig

from metier.bases.adaptation.adaptation import Adaptation, Adapted
from metier.bases.adaptation.layer_discovery import linear_layers
from metier.bases.adaptation.low_rank import SCALE, TunedParts

STARTING_RANKS = 1.5  # Times the wanted ones, as in the paper.
# Shares of the steps: all ranks train first, and those that are left train last.
FIRST_FRACTION, LAST_FRACTION = 0.1, 0.3
CUTS = 20  # How often at least the ranks are judged.
ORTHOGONALITY = 0.1  # Weight of the penalty, as in the paper.


class AdaptiveLowRank(Adaptation):
    """Matrices beside every linear layer inside the layers, of this rank on average.

    The paper's rates are 5e-4 to 2e-3; twenty times ours is 3e-3 to 5e-3. On held-out rows of ncbi_disease (1,000 to learn
    from, two epochs) that reached .56 F1, and half of it .48.
    """

    rate_factor = 20.0

    def apply(self, encoder: Any, *, random_state: int, n_steps: int) -> Adapted:
        """Put the matrices in; nothing else trains."""
        start = max(self.size + 1, round(self.size * STARTING_RANKS))
        first, last = int(n_steps * FIRST_FRACTION), int(n_steps * LAST_FRACTION)
        settings = AdaLoraConfig(
            init_r=start,
            target_r=self.size,
            # PEFT divides by the rank once more.
            lora_alpha=SCALE * start,
            lora_dropout=0.0,
            tinit=first,
            tfinal=last,
            deltaT=max(1, (n_steps - first - last) // CUTS),
            total_step=max(n_steps, first + last + 1),
            orth_reg_weight=ORTHOGONALITY,
            target_modules=linear_layers(encoder, lowest=self.lowest),
        )
        return AdaptiveParts(encoder, settings, random_state=random_state)


class AdaptiveParts(TunedParts):
    """Matrices whose ranks are cut as training goes on."""

    def __init__(self, encoder: Any, settings: Any, *, random_state: int):
        super().__init__(encoder, settings, random_state=random_state)
        self.hook = RankCuts(self.tuner.base_model)

    def penalty(self) -> torch.Tensor | None:
        """How far P and Q are from orthogonal: the mean over matrices of the norm of P P' - 1."""
        distances = []
        for name, weight in self.encoder.named_parameters():
            if "lora_A" in name or "lora_B" in name:
                square = weight @ weight.T if "lora_A" in name else weight.T @ weight
                one = torch.eye(len(square), device=square.device, dtype=square.dtype)
                distances.append((square - one).norm())
        return torch.stack(distances).mean() * ORTHOGONALITY


class RankCuts:
    """Judge the ranks after each step, and cut those that matter least.

    Parameters
    ----------
    tuner : AdaLoraModel
    """

    def __init__(self, tuner: Any):
        self._tuner = tuner

    @property
    def _importance(self) -> tuple[dict[str, torch.Tensor], ...]:
        allocator = self._tuner.rankallocator
        return allocator.ipt, allocator.exp_avg_ipt, allocator.exp_avg_unc

    def after_step(self, step: int) -> None:
        """Update the importance of each rank from the gradients that are still there."""
        self._tuner.update_and_allocate(step)

    def state(self) -> dict[str, torch.Tensor]:
        """Give the importances, and which ranks are left once that is settled."""
        kept = {
            f"importance.{number}.{name}": tensor
            for number, tensors in enumerate(self._importance)
            for name, tensor in tensors.items()
        }
        pattern = self._tuner.peft_config[self._tuner.trainable_adapter_name].rank_pattern or {}
        return kept | {f"left.{name}": torch.tensor(ranks) for name, ranks in pattern.items()}

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        """Put back what `state` gave."""
        pattern: dict[str, list[bool]] = {}
        for key, tensor in state.items():
            kind, _, name = key.partition(".")
            if kind == "left":
                pattern[name] = tensor.tolist()
            else:
                number, _, name = name.partition(".")
                self._importance[int(number)][name] = tensor
        self._tuner.peft_config[self._tuner.trainable_adapter_name].rank_pattern = pattern or None
