"""Lion: steps of one length, in the direction of the sign of a mean of gradients; half of AdamW's memory."""

from collections.abc import Callable, Iterable
from typing import Any

import torch


class Lion(torch.optim.Optimizer):
    """EvoLved Sign Momentum [1]_: each weight moves by the learning rate, up or down.

    Parameters
    ----------
    params : iterable of Tensor or dict
    lr : float, default=1e-4
        3 to 10 times below AdamW's.
    betas : pair of float
        Of the mean that gives the direction, and of the one that is kept.
    weight_decay : float, default=0
        Decoupled; 3 to 10 times AdamW's.

    References
    ----------
    .. [1] Chen et al., "Symbolic discovery of optimization algorithms", 2023, arXiv:2302.06675, algorithm 2.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
    ):
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            first, second = group["betas"]
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight]
                if not state:
                    state["mean"] = torch.zeros_like(weight)
                mean = state["mean"]
                direction = mean.mul(first).add_(weight.grad, alpha=1 - first).sign_()
                weight.mul_(1 - group["lr"] * group["weight_decay"]).add_(direction, alpha=-group["lr"])
                mean.mul_(second).add_(weight.grad, alpha=1 - second)
        return loss
