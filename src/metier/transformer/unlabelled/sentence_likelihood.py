"""How likely a base finds sentences: by what stands before each token (causal), or by each token masked in turn (masked).

Of two sentences that differ in some words a masked model is compared by the tokens that they share, each masked while the
words that differ are seen, as CrowS-Pairs [1]_ does with the pseudo-likelihood of Salazar et al. [2]_; a causal model by
the whole sentence, since it reads the shared tokens before the others without having seen them.

References
----------
.. [1] Nangia et al., "CrowS-Pairs: a challenge dataset for measuring social biases in masked language models", 2020,
   arXiv:2010.00133.
.. [2] Salazar et al., "Masked language model scoring", 2020, arXiv:1910.14659.
"""

from collections.abc import Sequence
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

from metier.bases.base import GenerativeBase
from metier.bases.generative_bases import (
    load_codec,
    load_language_model,
    resolve_generative_base,
    working_dtype,
)
from metier.bases.huggingface_folder import check_whole, load_pretrained, loading
from metier.bases.known_bases import find_folder, read_json
from metier.errors import BaseModelError
from metier.progress import Listener, Progress, ignore

CAUSAL, MASKED = "causal", "masked"
BATCH_ROWS = 32


class PairLikelihood:
    """The likelihood of sentences that differ in some words, under one base.

    Parameters
    ----------
    name : str
        As `resolve_generative_base` takes it, or the folder of a masked language model with its head.

    Attributes
    ----------
    kind : {"causal", "masked"}

    Raises
    ------
    BaseModelError
        If the base is an encoder-decoder, or a masked one without the head that it was trained with.
    """

    def __init__(self, name: str):
        self.name = name
        architectures = (
            read_json(Path(name) / "config.json").get("architectures") or () if Path(name).is_dir() else ()
        )
        self.kind = MASKED if any("MaskedLM" in one for one in architectures) else CAUSAL
        self._model, self._codec = _load_masked(name) if self.kind == MASKED else _load_causal(name)

    def scores(self, pairs: Sequence[tuple[str, str]], *, listener: Listener = ignore) -> np.ndarray:
        """Give the log-likelihood of both sentences of each pair, an ndarray of shape (n_pairs, 2)."""
        score = self._masked if self.kind == MASKED else self._causal
        found = []
        for done, (one, two) in enumerate(pairs):
            listener(Progress(f"{self.name}: reading", done, len(pairs)))
            found.append(score(one, two))
        listener(Progress(f"{self.name}: reading", len(pairs), len(pairs)))
        return np.array(found).reshape(-1, 2)

    def _causal(self, one: str, two: str) -> tuple[float, float]:
        rows = [self._codec.encode(text) for text in (one, two)]
        first = self._model.config.bos_token_id
        start = [first] if first is not None else []
        longest = max(map(len, rows)) + len(start)
        padded = torch.tensor([start + row + [0] * (longest - len(start) - len(row)) for row in rows])
        with torch.inference_mode():  # What is padded stands behind, where nothing before it looks.
            given = torch.log_softmax(self._model(input_ids=padded).logits.float(), dim=-1)
        one_score, two_score = (
            self._sum_causal(given[place], row, len(start)) for place, row in enumerate(rows)
        )
        return one_score, two_score

    def _sum_causal(self, given: torch.Tensor, row: Sequence[int], n_before: int) -> float:
        """Without a token of its own for the start, the first token is not foretold by anything."""
        told = row if n_before else row[1:]
        places = torch.arange(len(told)) + (n_before or 1) - 1
        return float(given[places, torch.tensor(told)].sum())

    def _masked(self, one: str, two: str) -> tuple[float, float]:
        rows = [self._codec(text)["input_ids"] for text in (one, two)]
        blocks = SequenceMatcher(None, rows[0], rows[1], autojunk=False).get_matching_blocks()
        shared = [[block[side] + n for block in blocks for n in range(block.size)] for side in (0, 1)]
        special = set(self._codec.all_special_ids)
        scores = [
            self._sum_masked(row, [place for place in places if row[place] not in special])
            for row, places in zip(rows, shared, strict=True)
        ]
        return scores[0], scores[1]

    def _sum_masked(self, row: Sequence[int], places: Sequence[int]) -> float:
        total = 0.0
        for start in range(0, len(places), BATCH_ROWS):
            some = torch.tensor(places[start : start + BATCH_ROWS])
            ids = torch.tensor(row).repeat(len(some), 1)
            line = torch.arange(len(some))
            ids[line, some] = self._codec.mask_token_id
            with torch.inference_mode():
                logits = self._model(input_ids=ids).logits[line, some].float()
            wanted = torch.tensor([row[int(place)] for place in some])
            total += float(torch.log_softmax(logits, dim=-1)[line, wanted].sum())
        return total


def _load_causal(name: str) -> tuple[Any, Any]:
    base: GenerativeBase = resolve_generative_base(name)
    if base.is_encoder_decoder:
        raise BaseModelError(
            f"{name} is an encoder-decoder, which gives a sentence no likelihood of its own. Name a causal or a masked "
            "language model."
        )
    return load_language_model(base, dtype=working_dtype(base)), load_codec(base.folder)


def _load_masked(name: str) -> tuple[Any, Any]:
    folder = find_folder(name, use="encoder")
    with loading(folder, "a masked language model", "a masked language model"):
        model, missing = load_pretrained(transformers.AutoModelForMaskedLM, folder)
        codec = transformers.AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
    check_whole(folder, missing, "model")
    if codec.mask_token_id is None:
        raise BaseModelError(f"The tokenizer of {folder} has no token for a masked word. Name another base.")
    return model.eval(), codec
