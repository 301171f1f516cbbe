"""Cross-entropy over tokens: of the tags of those that have one, or of where an answer begins and ends."""

import torch

from metier.training.batch import Batch, known_labels
from metier.training.objectives.focal import focal_loss
from metier.training.objectives.objective import Objective

UNTAGGED = -100  # Continuations of a word, special tokens, padding, and what another window reads.


def token_cross_entropy(*, label_smoothing: float = 0.0, focusing: float = 0.0) -> Objective:
    """Give the mean negative log-likelihood of the tagged tokens' tags as an objective.

    The batch's labels are the tags, of shape (n_rows, n_tokens), `UNTAGGED` where a token has none; or how probable each
    tag is, of shape (n_rows, n_tokens, n_tags).

    Parameters
    ----------
    label_smoothing : float, default=0.0
        Share of the target that is spread over all tags, 0 to 1.
    focusing : float, default=0.0
        Above 0 tokens that are tagged well already count less, as in `focal`: most tokens are outside of any span.
    """

    def objective(model: torch.nn.Module, batch: Batch) -> torch.Tensor:
        tags = known_labels(batch)
        logits = model(batch).float()
        is_tagged = has_tag(tags)
        if focusing:
            return focal_loss(
                logits[is_tagged], tags[is_tagged], focusing=focusing, label_smoothing=label_smoothing
            )
        if tags.dim() > 2:
            return torch.nn.functional.cross_entropy(
                logits[is_tagged], tags[is_tagged], label_smoothing=label_smoothing
            )
        return torch.nn.functional.cross_entropy(
            logits.flatten(0, 1),
            tags.flatten(),
            ignore_index=UNTAGGED,
            label_smoothing=label_smoothing,
        )

    return objective


def has_tag(tags: torch.Tensor) -> torch.Tensor:
    """Say which tokens have a tag, a bool Tensor of shape (n_rows, n_tokens)."""
    return (tags if tags.dim() == 2 else tags[..., 0]) != UNTAGGED


def span_cross_entropy() -> Objective:
    """Give the mean negative log-likelihood of first and last tokens as an objective.

    The model gives scores of shape (n_windows, n_tokens, 2), a batch's labels are of shape (n_windows, 2): first and
    last token of the answer, token 0 twice where the window does not hold it.
    """

    def objective(model: torch.nn.Module, batch: Batch) -> torch.Tensor:
        scores = model(batch).float()
        # Positions are the classes: (n_windows, n_tokens, 2) against (n_windows, 2).
        return torch.nn.functional.cross_entropy(scores, known_labels(batch))

    return objective
