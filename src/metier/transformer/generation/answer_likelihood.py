"""How likely a writer that was trained here finds answers to a question: the question in the prompt of its training."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from metier.bases.generative_bases import (
    load_codec,
    load_language_model,
    resolve_generative_base,
    working_dtype,
)
from metier.errors import BaseModelError
from metier.predictors.loading import read_settings
from metier.predictors.text.prompting import Prompts, PromptSettings
from metier.transformer.generation.label_likelihood import likelihoods_behind
from metier.transformer.generation.torch_generation import HUGGING_FACE_FOLDER


class AnswerLikelihood:
    """The likelihood of whole answers under a writer.

    Parameters
    ----------
    folder : Path
        Of a bundle with `huggingface/` in it, as `Generator.export` leaves it.

    Raises
    ------
    BaseModelError
        If the model is an encoder-decoder.
    """

    def __init__(self, folder: Path):
        base = resolve_generative_base(str(folder / HUGGING_FACE_FOLDER))
        if base.is_encoder_decoder:
            raise BaseModelError(
                f"{folder} holds an encoder-decoder, whose answers are not scored here. Test a causal writer."
            )
        self._model = load_language_model(base, dtype=working_dtype(base))
        self._codec = load_codec(base.folder)
        self._prompts = Prompts(PromptSettings.of(read_settings(folder)["prompt"]), self._codec)

    def scores(self, text: str, answers: Sequence[str]) -> np.ndarray:
        """Give the log-likelihood of each answer to a text, an ndarray of shape (n_answers,)."""
        prompt = self._prompts.build(text)[0]
        return likelihoods_behind(
            self._model, prompt, [self._codec.encode_target(answer) for answer in answers]
        )
