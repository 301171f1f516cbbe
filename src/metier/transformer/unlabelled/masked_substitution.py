"""Words replaced by what a masked language model would have written in their place."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import transformers
from tokenizers import Tokenizer

from metier.bases.base import Base
from metier.bases.huggingface_folder import load_pretrained, quiet_transformers
from metier.bases.known_bases import load_tokenizer
from metier.errors import BaseModelError
from metier.text.augmentation import Way
from metier.text.offsets import Edit, Offsets
from metier.text.word_edits import free_words

CANDIDATES = 10  # Drawn among this many likeliest tokens, by their probability.


def masked_substitution(base: Base, *, fraction: float) -> Way:
    """Give the way of augmentation that masks a share of the words and lets the base fill them in.

    Only words that are one token are replaced, by tokens that are a word of the same script; the original word is
    never drawn.

    Raises
    ------
    BaseModelError
        If the base has no head for masked words: sentence encoders such as MiniLM and E5 come without.
    """
    tokenizer = load_tokenizer(base)
    model = _load(base)
    mask_id = _mask_id(base, tokenizer)
    return _Substitution(model, tokenizer, mask_id, base.prefix, fraction)


@dataclass(frozen=True)
class _Substitution:
    """A way that draws words from what a model would put in their place.

    Parameters
    ----------
    model : PreTrainedModel
    tokenizer : Tokenizer
    mask_id : int
    prefix : str
        Stands before every text, as the base learned it.
    fraction : float
        Of the words, 0 to 1.
    """

    model: Any
    tokenizer: Tokenizer
    mask_id: int
    prefix: str
    fraction: float

    def __call__(self, text: str, kept: Sequence[Offsets], random: np.random.Generator) -> list[Edit]:
        """Give other words for some of the text's."""
        encoding = self.tokenizer.encode(self.prefix + text)
        places = set(free_words(text, kept))
        # Places are of the text; the prefix stands before it. Some tokenizers count a space to the word behind it.
        tokens = {}
        for number, (start, end) in enumerate(encoding.offsets):
            start, end = start - len(self.prefix), end - len(self.prefix)
            start += len(text[max(start, 0) : end]) - len(text[max(start, 0) : end].lstrip())
            if (start, end) in places:
                tokens[number] = (start, end)
        if not tokens:
            return []
        picked = random.permutation(sorted(tokens))[: max(1, round(self.fraction * len(tokens)))]
        ids = np.array(encoding.ids)
        ids[picked] = self.mask_id
        with torch.inference_mode():
            logits = self.model(input_ids=torch.from_numpy(ids)[None]).logits[0, picked].float()
        edits = []
        for token, scores in zip(picked.tolist(), logits, strict=True):
            word = _draw(self.tokenizer, scores, text[slice(*tokens[token])], random)
            if word is not None:
                edits.append(Edit(*tokens[token], word))
        return edits


def _draw(tokenizer: Tokenizer, scores: torch.Tensor, original: str, random: np.random.Generator) -> str | None:
    top = scores.topk(min(4 * CANDIDATES, len(scores)))
    words = [(_word_of(tokenizer, token), score) for token, score in zip(*_lists(top), strict=True)]
    fitting = [
        (word, score)
        for word, score in words
        if word.isalpha() and word.isascii() == original.isascii() and word.lower() != original.lower()
    ][:CANDIDATES]
    if not fitting:
        return None
    chances = np.exp(np.array([score for _, score in fitting]) - fitting[0][1])
    word = fitting[int(random.choice(len(fitting), p=chances / chances.sum()))][0]
    return word.capitalize() if original[:1].isupper() else word


def _lists(top: Any) -> tuple[list[int], list[float]]:
    return top.indices.tolist(), top.values.tolist()


def _word_of(tokenizer: Tokenizer, token: int) -> str:
    """The token as a word; empty where it only continues one."""
    piece = tokenizer.id_to_token(token) or ""
    if piece.startswith(("##", "<", "[")):
        return ""
    return tokenizer.decode([token]).strip()


def _load(base: Base) -> Any:
    with quiet_transformers():
        config = transformers.AutoConfig.from_pretrained(base.folder, local_files_only=True)
        if type(config) not in transformers.AutoModelForMaskedLM._model_mapping:
            missing = ["a head for masked words"]
        else:
            model, missing = load_pretrained(transformers.AutoModelForMaskedLM, base.folder, config=config)
    if missing:
        raise BaseModelError(
            f"The base {base.name!r} cannot fill in masked words: it has no weights for {missing[0]}. Name a folder "
            "of a masked language model with --base, or take --augment synonym, which needs word embeddings only."
        )
    return model.eval()


def _mask_id(base: Base, tokenizer: Tokenizer) -> int:
    for sign in ("[MASK]", "<mask>"):
        found = tokenizer.token_to_id(sign)
        if found is not None:
            return int(found)
    raise BaseModelError(
        f"The tokenizer of the base {base.name!r} has no token for a masked word ([MASK] or <mask>). "
        "Take another base, or --augment synonym."
    )
