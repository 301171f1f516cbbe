"""How well a generative base that was not tuned here foretells texts: the bits that it needs for each."""

import math
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from metier.bases.generative_bases import load_language_model, resolve_generative_base, working_dtype
from metier.tasks.generation import Generation, check_texts
from metier.transformer.generation.generation_examples import build_encoding, encode_answer
from metier.transformer.generation.generation_rows import GenerationRows, Writer

CONTEXT = 1_024
TOKEN_BUDGET = 2_048


class TargetLikelihood:
    """The likelihood of targets behind their texts, in the prompt that a tuning on them would begin with.

    Parameters
    ----------
    base : str
        A folder, a short name or a hub name; causal or encoder-decoder.
    """

    def __init__(self, base: str):
        self._base = resolve_generative_base(base)
        self._model = load_language_model(self._base, dtype=working_dtype(self._base))

    def bits(self, items: Sequence[Any], targets: Sequence[str]) -> tuple[np.ndarray, float]:
        """Give the bits for each target, and the seconds that one took.

        Returns
        -------
        bits : ndarray of float64 of shape (n_rows,)
            Per character [1]_: tokens of different bases are not alike.
        seconds : float

        References
        ----------
        .. [1] Gao et al., "The Pile: an 800GB dataset of diverse text for language modeling", 2020, arXiv:2101.00027.
        """
        rows, characters = self._rows(items, targets)
        writer = Writer(self._model, is_encoder_decoder=self._base.is_encoder_decoder)
        began = time.perf_counter()
        losses = writer.losses(rows, token_budget=TOKEN_BUDGET)
        seconds = (time.perf_counter() - began) / max(1, len(rows))
        tokens = np.array([len(answer) for answer in rows.answers], dtype=np.float64)
        return losses * tokens / math.log(2) / characters, seconds

    def _rows(self, items: Sequence[Any], targets: Sequence[str]) -> tuple[GenerationRows, np.ndarray]:
        pairs = check_texts(items, targets)
        found = Generation.from_texts(pairs)
        encoding = build_encoding(
            self._base,
            pairs,
            kind=found.kind,
            language=found.language,
            instruction=None,
            context=CONTEXT,
            max_new_tokens=None,
        )
        settings, codec = encoding.prompts.settings, encoding.codec
        prompts = [encoding.prompts.build(item)[0] for item in pairs.items]
        answers = [
            encode_answer(codec, settings, self._base, target, encoding.end_id)[: encoding.max_new_tokens]
            for target in pairs.targets
        ]
        # Of a text that is too long the beginning counts.
        shown = [
            min(len(codec.decode(answer)), len(target))
            for answer, target in zip(answers, pairs.targets, strict=True)
        ]
        is_pair = self._base.is_encoder_decoder
        ids = prompts if is_pair else [[*one, *two] for one, two in zip(prompts, answers, strict=True)]
        pad = encoding.tokenizer.pad_token_id
        rows = GenerationRows(
            ids,
            None,
            encoding.end_id if pad is None else int(pad),
            answers=answers,
            is_encoder_decoder=is_pair,
        )
        return rows, np.maximum(1, np.array(shown, dtype=np.float64))
