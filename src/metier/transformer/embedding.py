"""One vector a text: the mean of the encoder's last hidden states, once for each text."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from metier.predictors.tokenization import batches_by_length, pad, token_ids
from metier.progress import Listener, Progress, ignore
from metier.transformer.bases import Base, load_model, load_tokenizer

# Wide enough to fill two cores' caches, small enough that attention over 512 tokens stays under 100 MB.
TOKEN_BUDGET = 4096


def mean_pool(hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Average the hidden states over the tokens that are no padding.

    Parameters
    ----------
    hidden : Tensor of shape (n_texts, n_tokens, hidden_size)
    mask : Tensor of shape (n_texts, n_tokens)
        1 for a token, 0 for padding.

    Returns
    -------
    Tensor of shape (n_texts, hidden_size)
    """
    weights = mask.unsqueeze(-1).to(hidden.dtype)
    return (hidden * weights).sum(1) / weights.sum(1).clamp(min=1.0)


def embed(
    base: Base,
    texts: Sequence[str],
    *,
    listener: Listener = ignore,
    threads: int | None = None,
    cache: bool = True,
) -> np.ndarray:
    """Embed texts with the frozen base.

    Parameters
    ----------
    threads : int, optional
        Threads of the matrix products; None leaves torch's setting.
    cache : bool, default=True
        Whether to look texts up on disk first and to keep the new ones there.

    Returns
    -------
    ndarray of shape (n_texts, hidden_size) and type float32
        Of length 1 where the base normalises.
    """
    model, tokenizer = load_model(base), load_tokenizer(base)
    ids = token_ids(tokenizer, texts, prefix=base.prefix)
    vectors = np.empty((len(texts), model.config.hidden_size), dtype=np.float32)
    done = 0
    with torch.inference_mode(), torch_threads(threads):
        for rows in batches_by_length([len(row) for row in ids], token_budget=TOKEN_BUDGET):
            input_ids, mask = pad([ids[row] for row in rows], pad_id=model.config.pad_token_id or 0)
            mask_tensor = torch.from_numpy(mask)
            hidden = model(input_ids=torch.from_numpy(input_ids), attention_mask=mask_tensor).last_hidden_state
            pooled = mean_pool(hidden, mask_tensor)
            if base.normalise:
                pooled = torch.nn.functional.normalize(pooled, dim=1)
            vectors[rows] = pooled.numpy()
            done += len(rows)
            listener(Progress(f"embedding with {base.name}", done, len(texts)))
    return vectors


@contextmanager
def torch_threads(threads: int | None) -> Iterator[None]:
    """Give torch this many threads for a while; None changes nothing."""
    before = torch.get_num_threads()
    if threads is not None:
        torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
