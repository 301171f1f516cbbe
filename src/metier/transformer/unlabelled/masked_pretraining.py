"""Continued pretraining [1]_: an encoder learns the words of a domain by filling in masked ones, before it is fine-tuned.

The bases here come without the head they were pretrained with, so words are scored by the base's own table of
embeddings (tied weights) behind a linear step that begins as the identity. Masked tokens are always masked, never kept
or exchanged, and more than BERT's 15 % of them, as [2]_ found better. A row is its masked ids followed by its whole ones,
so vocabulary, batches and loop are those of all fine-tuning.

Of texts of several sentences a second question can be asked besides: whether what stands behind the separator follows what
stands before it (`next`: half of the time it is of another text, as BERT has it [3]_), or whether the two are the right way
round (`order`: half of the time they are exchanged, which topic words alone do not tell, as ALBERT has it [4]_).

References
----------
.. [1] Gururangan et al., "Don't stop pretraining: adapt language models to domains and tasks", 2020, arXiv:2004.10964.
.. [2] Wettig et al., "Should you mask 15% in masked language modeling?", 2023, arXiv:2202.08005.
.. [3] Devlin et al., "BERT: pre-training of deep bidirectional transformers", 2018, arXiv:1810.04805.
.. [4] Lan et al., "ALBERT: a lite BERT for self-supervised learning of language representations", 2019, arXiv:1909.11942.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from tokenizers import Encoding, Tokenizer

from metier.bases.base import Base
from metier.bases.huggingface_folder import load_model, save_encoder
from metier.bases.known_bases import load_tokenizer, resolve_base, weights_hash
from metier.errors import BaseModelError
from metier.features.sentence_ranks import join_sentences
from metier.features.tokenization import pad
from metier.progress import Listener, ignore
from metier.text.segmentation import split_sentences, word_offsets
from metier.training.batch import Batch, known_labels
from metier.training.batching import TokenBatch, TokenisedRows
from metier.training.encoder_settings import TuningSettings
from metier.training.fine_tuning import fine_tune
from metier.training.heads.token_model import TokenModel
from metier.training.objectives import Objective
from metier.user_cache import build_once, user_cache

Sentences = Literal["none", "next", "order"]
VERSION = 1  # Of how it is done: another one is another folder.
NOT_MASKED = -100
UNASKED, WRONG, RIGHT = -1, 0, 1  # What is known of two parts of a text.
PLACE_OF = {WRONG: -101, RIGHT: -102}  # Of a batch's first tokens, which are never masked, the label says it.
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
    sentences : {"none", "next", "order"}
        What is asked besides of texts of several sentences.
    """

    passes: int = 2
    masked_fraction: float = 0.3
    whole_words: bool = True
    learning_rate: float | None = None
    token_budget: int = 2048
    random_state: int = 0
    sentences: Sentences = "none"


def pretrain(
    base: Base, texts: Sequence[str], settings: MaskingSettings, *, listener: Listener = ignore
) -> tuple[Base, dict[str, Any]]:
    """Give the base after it learned the texts, and how that went; the same texts are learned once.

    Raises
    ------
    BaseModelError
        If the base's tokenizer knows no token for a masked word.
    """
    said = str(settings).replace(", sentences='none'", "")  # As it was said before there were any.
    digest = hashlib.sha256(f"{VERSION} {weights_hash(base)} {said}".encode())
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
    if settings.sentences == "none":
        rows = MaskedRows(list(_masked_rows(base, tokenizer, texts, settings)), None, model.pad_id)
    else:
        ids, truth = masked_parts(base, tokenizer, texts, settings)
        rows = MaskedRows(ids, truth, model.pad_id)
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
    if rows.truth is not None:
        facts["parts_asked"] = int((rows.truth != UNASKED).sum())
    (folder / FACTS).write_text(json.dumps(facts), encoding="utf-8")


class MaskedWords(TokenModel):
    """States of tokens that are compared with the encoder's own embeddings of words."""

    def __init__(self, encoder: Any):
        super().__init__(encoder)
        size = encoder.config.hidden_size
        words = torch.nn.Sequential(torch.nn.Linear(size, size), torch.nn.LayerNorm(size))
        self.head = torch.nn.ModuleDict({"words": words, "parts": torch.nn.Linear(size, 2)})
        with torch.no_grad():
            torch.nn.init.eye_(words[0].weight)
            torch.nn.init.zeros_(words[0].bias)
            # Scores that can tell words apart from the first step on, and are not sure of any yet.
            words[1].weight.fill_(FIRST_LENGTH * size**-0.5)
            torch.nn.init.zeros_(self.head["parts"].weight)

    def forward(self, batch: TokenBatch) -> torch.Tensor:
        """Give a state for each token, of shape (n_rows, n_tokens, hidden_size)."""
        found: torch.Tensor = self.head["words"](self.states(batch))
        return found


@dataclass(frozen=True)
class MaskedRows(TokenisedRows):
    """Rows as their masked ids followed by their whole ones; labels of a batch are the ids that were masked."""

    def batch(self, positions: np.ndarray) -> TokenBatch:
        """The rows at these positions as one batch."""
        halves = [np.split(np.asarray(self.ids[position]), 2) for position in positions]
        input_ids, mask = pad([masked.tolist() for masked, _ in halves], pad_id=self.pad_id)
        whole, _ = pad([whole.tolist() for _, whole in halves], pad_id=self.pad_id)
        labels = np.where(input_ids != whole, whole, NOT_MASKED)
        if self.truth is not None:
            labels[:, 0] = [PLACE_OF.get(int(known), NOT_MASKED) for known in self.truth[positions]]
        return TokenBatch(torch.from_numpy(input_ids), torch.from_numpy(mask), torch.from_numpy(labels))


def masked_words(model: MaskedWords) -> Objective:
    """Give the mean negative log-likelihood of the masked tokens, among the words that the rows use, as an objective.

    Where it is known of a row's two parts whether they belong together so, that of this answer is added.
    """

    def objective(trained: torch.nn.Module, batch: Batch) -> torch.Tensor:
        labels = known_labels(batch)
        is_masked = labels >= 0
        every = trained(batch)
        states = every[is_masked]
        scores = states @ model.encoder.get_input_embeddings().weight.to(states.dtype).T
        loss = torch.nn.functional.cross_entropy(scores.float(), labels[is_masked])
        asked = labels[:, 0] < NOT_MASKED
        if not asked.any():
            return loss
        answers = model.head["parts"](every[asked, 0])
        is_right = (labels[asked, 0] == PLACE_OF[RIGHT]).long()
        return loss + torch.nn.functional.cross_entropy(answers.float(), is_right)

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


def masked_parts(
    base: Base, tokenizer: Tokenizer, texts: Sequence[str], settings: MaskingSettings
) -> tuple[list[np.ndarray], np.ndarray]:
    """Give rows of two parts of each text, masked, and whether they belong together so; of one sentence the text alone."""
    mask_id, random = _mask_id(base, tokenizer), np.random.default_rng(settings.random_state)
    sentences = [split_sentences(text) for text in texts]
    several = [place for place, found in enumerate(sentences) if len(found) > 1]
    ids, truth = list[np.ndarray](), list[int]()
    for place in [place for place in range(len(texts)) for _ in range(settings.passes)]:
        found = sentences[place]
        if len(found) < 2 or (settings.sentences == "next" and len(several) < 2):
            known = UNASKED
            parts: tuple[str, ...] = (texts[place],)
        else:
            parts, known = _two_parts(found, place, sentences, several, settings, random)
        row = _masked(base, tokenizer, parts, mask_id, settings, random)
        if row is not None:
            ids.append(row)
            truth.append(known)
    return ids, np.array(truth, dtype=np.int64)


def _two_parts(
    found: Sequence[str],
    place: int,
    sentences: Sequence[Sequence[str]],
    several: Sequence[int],
    settings: MaskingSettings,
    random: np.random.Generator,
) -> tuple[tuple[str, ...], int]:
    """Cut a text in two between sentences, and half of the time make it the wrong way."""
    cut = int(random.integers(1, len(found)))
    first, second = join_sentences(found[:cut]), join_sentences(found[cut:])
    if random.random() < 0.5:
        return (first, second), RIGHT
    if settings.sentences == "order":
        return (second, first), WRONG
    other = place
    while other == place:
        other = int(random.choice(several))
    strange = join_sentences(sentences[other][int(random.integers(1, len(sentences[other]))) :])
    return ((first, second), RIGHT) if strange == second else ((first, strange), WRONG)


def _masked(
    base: Base,
    tokenizer: Tokenizer,
    parts: Sequence[str],
    mask_id: int,
    settings: MaskingSettings,
    random: np.random.Generator,
) -> np.ndarray | None:
    """Give the masked ids of parts of a text followed by the whole ones; None where there is no word in them."""
    encoding = tokenizer.encode(base.prefix + parts[0], parts[1] if len(parts) > 1 else None)
    groups = [
        group
        for number, part in enumerate(parts)
        for group in _groups(
            encoding,
            part,
            len(base.prefix) if number == 0 else 0,
            whole_words=settings.whole_words,
            part=number,
        )
    ]
    if not groups:
        return None
    whole = np.array(encoding.ids, dtype=np.int64)
    masked = whole.copy()
    for group in random.permutation(len(groups))[: max(1, round(settings.masked_fraction * len(groups)))]:
        masked[groups[group]] = mask_id
    return np.concatenate([masked, whole])


def _groups(
    encoding: Encoding, text: str, n_prefix: int, *, whole_words: bool, part: int = 0
) -> list[list[int]]:
    """Give the tokens that are masked together: those of each word, Chinese ones by the dictionary, or each alone."""
    places = [
        (number, end - n_prefix - 1)
        for number, ((start, end), special, owner) in enumerate(
            zip(encoding.offsets, encoding.special_tokens_mask, encoding.sequence_ids, strict=True)
        )
        if not special and owner == part and end > start and end > n_prefix
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
