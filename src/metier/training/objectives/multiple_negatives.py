"""Multiple negatives ranking loss: the matching text against all other texts of the batch."""

import torch

from metier.training.batch import Batch, known_labels
from metier.training.objectives.objective import Objective


def multiple_negatives(*, temperature: float = 0.05) -> Objective:
    """Give the loss of finding each text's partner among the texts of the batch [1]_, both ways round.

    Every other pair of the batch serves as a negative, at no cost; so do both texts of a pair that is known not to
    match. Texts that are known to mean the same are left out of each other's negatives: with few different texts
    in the rows a batch holds many of them, and each would teach the opposite of the truth.

    The batch is of `PairRows`, its labels of shape (n_pairs, 3): 1 for a match, and the numbers that
    `pair_rows.meanings` gave the two texts. The model gives vectors.

    Parameters
    ----------
    temperature : float, default=0.05
        What cosines are divided by; the lower, the more the nearest negatives count.

    References
    ----------
    .. [1] Henderson et al., "Efficient natural language response suggestion for smart reply", 2017,
       arXiv:1705.00652. There with dot products and one way round.
    """

    def objective(model: torch.nn.Module, batch: Batch) -> torch.Tensor:
        vectors = torch.nn.functional.normalize(model(batch).float(), dim=1)
        one, other = vectors.chunk(2)
        is_match, meaning, meaning_of_pair = known_labels(batch).unbind(1)
        similarities = one @ other.T / temperature
        own = torch.eye(len(one), dtype=torch.bool, device=similarities.device)
        same = (meaning[:, None] == meaning_of_pair[None, :]) & ~own
        similarities = similarities.masked_fill(same, -torch.inf)
        matches = is_match.bool()
        if not matches.any():  # Nothing to rank; the sum keeps the step's graph whole.
            return similarities.diagonal().sum() * 0.0
        there = similarities.log_softmax(dim=1).diagonal()
        back = similarities.log_softmax(dim=0).diagonal()
        return -(there + back)[matches].mean() / 2

    return objective
