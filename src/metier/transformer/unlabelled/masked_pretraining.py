"""Continued pretraining [1]_: an encoder learns the words of a domain by filling in masked ones, before it is fine-tuned.

The bases here come without the head they were pretrained with, so words are scored by the base's own table of
embeddings (tied weights) behind a linear step that begins as the identity. Masked tokens are always masked, never kept
or exchanged, and more than BERT's 15 % of them, as [2]_ found better. A row is its masked ids followed by its whole ones,
so vocabulary, batches and loop are those of all fine-tuning.

References
----------
.. [1] Gururangan et al., "Don't stop pretraining: adapt language models to domains and tasks", 2020, arXiv:2004.10964.
.. [2] Wettig et al., "Should you mask 15% in masked language modeling?", 2023, arXiv:2202.08005.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Encoding, Tokenizer

from metier.bases.base import Base
from metier.bases.huggingface_folder import load_model, save_encoder
from metier.bases.known_bases import load_tokenizer, resolve_base, weights_hash
from metier.errors import BaseModelError
from metier.features.tokenization import pad
from metier.progress import Listener, ignore
from metier.text.segmentation import word_offsets
from metier.training.batch import Batch, known_labels
from metier.training.batching import TokenBatch, TokenisedRows
from metier.training.encoder_settings import TuningSettings
from metier.training.fine_tuning import fine_tune
from metier.training.heads.token_model import TokenModel
from metier.training.objectives import Objective
from metier.user_cache import build_once, user_cache

VERSION = 1  # Of how it is done: another one is another folder.
NOT_MASKED = -100
MASKS = ("[MASK]", "<mask>")
FACTS = "pretraining.json"
README = "# A base pretrained further on the texts of a domain\n\nIt loads with `AutoModel.from_pretrained`.\n"
FIRST_LENGTH = 10.0  # Of a state that is compared with embeddings, which are about 1 long.


@dataclass(frozen=True)
class MaskingSettings:
    """How much is masked, and how long it is learned.

    Parameters
    ----------
    passes : int
        Over the texts; every pass masks anew.
    masked_fraction : float
        Share of the words, or of the tokens, above 0 to 1.
    whole_words : bool
        Whether all tokens of a word are masked together: parts of a word reveal the rest.
    learning_rate : float or None
        None: by the number of steps.
    token_budget : int
        Tokens of a batch.
    """

    passes: int = 2
    masked_fraction: float = 0.3
    whole_words: bool = True
    learning_rate: float | None = None
    token_budget: int = 2048
    random_state: int = 0


def pretrain(
    base: Base, texts: Sequence[str], settings: MaskingSettings, *, listener: Listener = ignore
) -> tuple[Base, dict[str, Any]]:
    """Give the base after it learned the texts, and how that went; the same texts are learned once.

    Raises
    ------
    BaseModelError
        If the base's tokenizer knows no token for a masked word.
    """
    digest = hashlib.sha256(f"{VERSION} {weights_hash(base)} {settings}".encode())
    for text in texts:
        digest.update(text.encode("utf-8", "surrogatepass") + b"\0")
    folder = user_cache() / "bases" / f"pretrained-{digest.hexdigest()[:16]}"
    build_once(folder, lambda partial: _learn(base, texts, settings, partial, listener))
    facts: dict[str, Any] = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    # Under the name it was asked for by: another fit finds this folder again from there.
    return replace(resolve_base(str(folder)), name=base.name), facts


def _learn(
    base: Base, texts: Sequence[str], settings: MaskingSettings, folder: Path, listener: Listener
) -> None:
    tokenizer = load_tokenizer(base)
    encoder = load_model(base)
    model = MaskedWords(encoder)
    rows = MaskedRows(list(_masked_rows(base, tokenizer, texts, settings)), None, model.pad_id)
    tuned = fine_tune(
        model,
        rows,
        objective=masked_words(model),
        settings=TuningSettings.model_validate(
            {
                "epochs": 1,
                "learning_rate": settings.learning_rate,
                "layer_decay": 1.0,
                # A row holds its tokens twice.
                "token_budget": 2 * settings.token_budget,
                "random_state": settings.random_state,
            }
        ),
        what=f"pretraining {base.name} on {len(texts):,} texts",
        listener=listener,
    )
    save_encoder(encoder, base, folder, tokenizer=tokenizer, head={}, labels=[], temperature=1.0, readme=README)
    facts = {"texts": len(texts), "passes": settings.passes, **tuned.facts}
    (folder / FACTS).write_text(json.dumps(facts), encoding="utf-8")


class MaskedWords(TokenModel):
    """States of tokens that are compared with the encoder's own embeddings of words."""

    def __init__(self, encoder: Any):
        super().__init__(encoder)
        size = encoder.config.hidden_size
        self.head = torch.nn.Sequential(torch.nn.Linear(size, size), torch.nn.LayerNorm(size))
        with torch.no_grad():
            torch.nn.init.eye_(self.head[0].weight)
            torch.nn.init.zeros_(self.head[0].bias)
            # Scores that can tell words apart from the first step on, and are not sure of any yet.
            self.head[1].weight.fill_(FIRST_LENGTH * size**-0.5)

    def forward(self, batch: TokenBatch) -> torch.Tensor:
        """Give a state for each token, of shape (n_rows, n_tokens, hidden_size)."""
        return self.head(self.states(batch))


@dataclass(frozen=True)
class MaskedRows(TokenisedRows):
    """Rows as their masked ids followed by their whole ones; labels of a batch are the ids that were masked."""

    def batch(self, positions: np.ndarray) -> TokenBatch:
        """The rows at these positions as one batch."""
        halves = [np.split(np.asarray(self.ids[position]), 2) for position in positions]
        input_ids, mask = pad([masked.tolist() for masked, _ in halves], pad_id=self.pad_id)
        whole, _ = pad([whole.tolist() for _, whole in halves], pad_id=self.pad_id)
        labels = np.where(input_ids != whole, whole, NOT_MASKED)
        return TokenBatch(torch.from_numpy(input_ids), torch.from_numpy(mask), torch.from_numpy(labels))


def masked_words(model: MaskedWords) -> Objective:
    """Give the mean negative log-likelihood of the masked tokens, among the words that the rows use, as an objective."""

    def objective(trained: torch.nn.Module, batch: Batch) -> torch.Tensor:
        labels = known_labels(batch)
        is_masked = labels != NOT_MASKED
        states = trained(batch)[is_masked]
        scores = states @ model.encoder.get_input_embeddings().weight.to(states.dtype).T
        return torch.nn.functional.cross_entropy(scores.float(), labels[is_masked])

    return objective


def _masked_rows(
    base: Base, tokenizer: Tokenizer, texts: Sequence[str], settings: MaskingSettings
) -> Iterator[np.ndarray]:
    mask_id = _mask_id(base, tokenizer)
    random = np.random.default_rng(settings.random_state)
    for text in texts:
        encoding = tokenizer.encode(base.prefix + text)
        groups = _groups(encoding, text, len(base.prefix), whole_words=settings.whole_words)
        if not groups:
            continue
        whole = np.array(encoding.ids, dtype=np.int64)
        for _ in range(settings.passes):
            n_masked = max(1, round(settings.masked_fraction * len(groups)))
            masked = whole.copy()
            for group in random.permutation(len(groups))[:n_masked]:
                masked[groups[group]] = mask_id
            yield np.concatenate([masked, whole])


def _groups(encoding: Encoding, text: str, n_prefix: int, *, whole_words: bool) -> list[list[int]]:
    """Give the tokens that are masked together: those of each word, Chinese ones by the dictionary, or each alone."""
    places = [
        (number, end - n_prefix - 1)
        for number, ((start, end), special) in enumerate(
            zip(encoding.offsets, encoding.special_tokens_mask, strict=True)
        )
        if not special and end > start and end > n_prefix
    ]
    if not whole_words:
        return [[number] for number, _ in places]
    words = word_offsets(text)
    starts = np.array([start for start, _ in words])
    groups: dict[int, list[int]] = {}
    for number, last in places:
        # The word in which the token ends; punctuation stands behind a word and is left alone.
        word = int(np.searchsorted(starts, last, side="right")) - 1
        if word >= 0 and last < words[word][1]:
            groups.setdefault(word, []).append(number)
    return list(groups.values())


def _mask_id(base: Base, tokenizer: Tokenizer) -> int:
    for sign in MASKS:
        found = tokenizer.token_to_id(sign)
        if found is not None:
            return int(found)
    raise BaseModelError(
        f"The tokenizer of the base {base.name!r} has no token for a masked word ({' or '.join(MASKS)}), so it cannot be "
        "pretrained further. Take another --base, or leave pretrained_encoder.v1 out."
    )


def pretrain_on(
    base: Base, texts: Sequence[str], options: Mapping[str, Any], *, listener: Listener = ignore
) -> tuple[Base, dict[str, Any]]:
    """Give the base after it learned the texts, and how that went; `options` are those of `MaskingSettings`."""
    return pretrain(base, texts, MaskingSettings(**options), listener=listener)
