"""Initialisation of the token head: the linear solution on the frozen base."""

from dataclasses import replace

import numpy as np
import torch

from metier.training.batch import known_labels
from metier.training.heads.token_classifier import CASING_SCALE, TaggedRows, TokenClassifier
from metier.training.objectives.token_cross_entropy import UNTAGGED

# On 1,000 rows of ncbi_disease weaker penalties changed nothing, stronger ones cost F1.
PENALTY = 1e-4
# The solution hardly moves with more, and their states have to be held at once: 100 MB of 384 numbers each.
MOST_TOKENS = 64_000
BATCH_ROWS = 32
MOST_STEPS = 100


def start_head(model: TokenClassifier, rows: TaggedRows, *, random_state: int) -> None:
    """Set the head to the logistic regression of tags on the encoder's states and on casing; nothing else moves.

    A head that starts at random first pulls the states apart [1]_, and under an adaptation that trains little of the
    base it would have to be learned in a few hundred steps.

    Parameters
    ----------
    rows : TokenisedRows
        With the tag and the casing of each token, see `token_cross_entropy`.

    References
    ----------
    .. [1] Kumar et al., "Fine-tuning can distort pretrained features and underperform out-of-distribution", 2022,
       arXiv:2202.10054.
    """
    states, tags, casings = _tagged(model, replace(rows, soft=()), _some(rows, random_state))
    weight, bias, added = (
        torch.zeros_like(part) for part in (model.head.weight, model.head.bias, model.head.casing)
    )
    learned = [part.requires_grad_() for part in (weight, bias, added)]
    has_casing = (casings >= 0).unsqueeze(-1)
    optimizer = torch.optim.LBFGS(learned, max_iter=MOST_STEPS, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        logits = states @ weight.T + bias + added[casings.clamp(min=0)] * has_casing
        value = torch.nn.functional.cross_entropy(logits, tags)
        value = value + PENALTY / 2 * (weight.square().sum() + added.square().sum())
        value.backward()
        return value

    optimizer.step(loss)
    with torch.no_grad():
        model.head.weight.copy_(weight)
        model.head.bias.copy_(bias)
        model.head.casing.copy_(added / CASING_SCALE)


def _some(rows: TaggedRows, random_state: int) -> np.ndarray:
    """Positions of random rows, together of as many tokens as are wanted at most, in the order of their length."""
    order = np.random.default_rng(random_state).permutation(len(rows))
    lengths = rows.lengths[order]
    picked = order[: max(1, int(np.searchsorted(lengths.cumsum(), MOST_TOKENS, side="right")))]
    return picked[np.argsort(rows.lengths[picked], kind="stable")]


def _tagged(
    model: TokenClassifier, rows: TaggedRows, picked: np.ndarray
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """States, tags and casings of the tokens that have a tag."""
    was_training, device = model.training, model.head.weight.device
    model.eval()
    found = []
    with torch.no_grad():
        for start in range(0, len(picked), BATCH_ROWS):
            batch = rows.batch(picked[start : start + BATCH_ROWS]).to(device)
            states, tags, casings = model.states(batch), known_labels(batch), batch.casings
            assert casings is not None
            has_tag = tags != UNTAGGED
            found.append((states[has_tag].float(), tags[has_tag], casings[has_tag]))
    model.train(was_training)
    states, tags, casings = (torch.cat(part) for part in zip(*found, strict=True))
    return states, tags, casings
