"""A model of which a part trains: its state is that part, and nothing else."""

from typing import Any

import torch


class TrainedPart(torch.nn.Module):
    """A model whose state is what trains.

    A checkpoint of a low-rank adaptation has megabytes so, and holds no tensor twice where input and output embeddings
    are one.
    """

    def trained(self) -> dict[str, torch.nn.Parameter]:
        """The weights that train, by name, each once."""
        return {name: weight for name, weight in self.named_parameters() if weight.requires_grad}

    def state_dict(self, *args: Any, **kwargs: Any) -> dict[str, torch.Tensor]:
        """Give the weights that train."""
        return {name: weight.detach() for name, weight in self.trained().items()}

    def load_state_dict(self, state_dict: Any, *args: Any, **kwargs: Any) -> None:  # type: ignore[override]
        """Put back what `state_dict` gave."""
        with torch.no_grad():
            for name, weight in self.trained().items():
                weight.copy_(state_dict[name])
