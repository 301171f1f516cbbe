"""One vector a text: the mean of the encoder's last hidden states, computed once for each text.

A text past the base's limit is the mean of its windows; see `features.averaged_windows`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch

from metier.bases.base import Base
from metier.bases.embedding_cache import EmbeddingCache
from metier.bases.huggingface_folder import load_model
from metier.bases.known_bases import cutter_of
from metier.bases.precision import mixed_precision
from metier.features.tokenization import batches_by_length, pad
from metier.progress import Listener, Progress, ignore

# Wide enough to fill the matrix units, small enough to stay in the caches.
TOKEN_BUDGET = 1024


def mean_pool(hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Average the hidden states over the tokens that are not padding.

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
        Of length 1 where the base normalises and the text is one window; else the mean of its windows.
    """
    store = EmbeddingCache.of(base, precision=_precision()) if cache else None
    known = store.get(texts) if store else {}
    unknown = [text for text in dict.fromkeys(texts) if text not in known]
    if unknown:
        # The shortest first over all, so that each part's texts are of like length.
        unknown.sort(key=len)
        model, cutter, done = load_model(base), cutter_of(base), 0
        # A part is what a killed process loses at most.
        for some in cutter.parts(unknown):
            windows = cutter.cut(some)
            report = _scaled(listener, f"embedding with {base.name}", done, len(some), len(unknown))
            vectors = embed_ids(model, windows.ids, normalise=base.normalise, listener=report, threads=threads)
            fresh = dict(zip(some, windows.average(vectors), strict=True))
            known.update(fresh)
            if store:
                store.put(fresh)
            done += len(some)
    return np.stack([known[text] for text in texts])


def embed_ids(
    model: torch.nn.Module,
    ids: Sequence[Sequence[int]],
    *,
    normalise: bool,
    listener: Listener = ignore,
    threads: int | None = None,
) -> np.ndarray:
    """Embed token ids that already hold the special tokens.

    Returns
    -------
    ndarray of shape (n_texts, hidden_size) and type float32
    """
    vectors = np.empty((len(ids), int(model.config.hidden_size)), dtype=np.float32)
    done = 0
    # Emulated half precision is twenty times slower, so it is used only where the processor has it.
    halved = torch.autocast("cpu", dtype=torch.bfloat16, enabled=_precision() == "bfloat16")
    with torch.inference_mode(), torch_threads(threads), halved:
        for rows in batches_by_length([len(row) for row in ids], token_budget=TOKEN_BUDGET):
            input_ids, mask = map(
                torch.from_numpy, pad([ids[row] for row in rows], pad_id=int(model.config.pad_token_id or 0))
            )
            hidden = model(input_ids=input_ids, attention_mask=mask).last_hidden_state.float()
            pooled = mean_pool(hidden, mask)
            if normalise:
                pooled = torch.nn.functional.normalize(pooled, dim=1)
            vectors[rows] = pooled.numpy()
            done += len(rows)
            listener(Progress("embedding", done, len(ids)))
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


def _precision() -> str:
    return "bfloat16" if mixed_precision() == "bf16" else "float32"


def _scaled(listener: Listener, what: str, start: int, n_texts: int, total: int) -> Listener:
    """Report windows of some texts as a share of all texts."""

    def report(progress: Progress) -> None:
        listener(Progress(what, start + int(n_texts * progress.done / (progress.total or 1)), total))

    return report
