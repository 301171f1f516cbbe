"""What every objective is: a model and a batch in, a loss out."""

from collections.abc import Callable

import torch

from metier.transformer.batching import Batch

# Objectives wrap one another: a wrapper takes an objective and gives one.
Objective = Callable[[torch.nn.Module, Batch], torch.Tensor]
