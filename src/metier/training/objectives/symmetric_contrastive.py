"""The contrast of two modalities: each finds what belongs to it among the batch of the other, both ways round."""

import torch


def symmetric_contrastive_loss(
    one: torch.Tensor, other: torch.Tensor, positives: torch.Tensor, *, scale: torch.Tensor | float
) -> torch.Tensor:
    """Give the mean loss of finding the partner there and back [1]_.

    Where several of a batch belong together (photographs of one product, equal captions) each of them is a positive with
    an equal share [2]_; with one positive each it is CLIP's loss.

    Parameters
    ----------
    one, other : Tensor of shape (n_pairs, size)
        Of length 1; the partner of a row is the same row of the other.
    positives : Tensor of bool of shape (n_pairs, n_pairs)
        Which rows of `one` belong to which of `other`; the diagonal does.
    scale : Tensor or float
        What cosines are multiplied by: one over the temperature.

    References
    ----------
    .. [1] Radford et al., "Learning transferable visual models from natural language supervision", 2021,
       arXiv:2103.00020.
    .. [2] Khosla et al., "Supervised contrastive learning", 2020, arXiv:2004.11362, their L_out.
    """
    similarities = one @ other.T * scale
    shares = positives.to(similarities.dtype)
    there = -(similarities.log_softmax(dim=1) * shares).sum(dim=1) / shares.sum(dim=1)
    back = -(similarities.log_softmax(dim=0) * shares).sum(dim=0) / shares.sum(dim=0)
    return (there.mean() + back.mean()) / 2
