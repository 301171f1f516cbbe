"""What the base of a writer says of every answer, whatever the text: its first token, its ends, tokens that never come.

transformers keeps it in `generation_config.json`, and `generate` obeys it; a graph has to be told.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import torch

from metier.predictors.onnx.encoder_decoder_loop import TokenRules


def answering_attention(model: Any) -> str:
    """Give the form of attention that a model is loaded with: some (Gemma 2) have none of the fast ones."""
    return "sdpa" if model._supports_sdpa else "eager"


def begin_as_trained(model: Any, answer: Sequence[int]) -> None:
    """Let answers of an encoder-decoder begin with the token that stood before those of the training.

    mBART puts the last token of a target there, which is its language; a configuration may name another, or none.
    """
    if not model.config.is_encoder_decoder:
        return
    shifted = model.prepare_decoder_input_ids_from_labels(labels=torch.tensor([list(answer)]))
    model.generation_config.decoder_start_token_id = int(shifted[0, 0])


def end_ids(model: Any, end_id: int) -> list[int]:
    """Give the tokens that end an answer: the one that was learned, and those that the base names."""
    named = model.generation_config.eos_token_id
    return [end_id, *(token for token in _listed(named) if token != end_id)]


def rules_fault(model: Any) -> str:
    """Say what a base forbids that a graph's loop cannot, "" for nothing."""
    own = model.generation_config
    if any(len(words) > 1 for words in own.bad_words_ids or ()):
        return "it forbids words of several tokens (bad_words_ids)"
    if not model.config.is_encoder_decoder and (
        own.bad_words_ids
        or own.suppress_tokens
        or own.begin_suppress_tokens
        or own.forced_bos_token_id is not None
    ):
        return "it forces or forbids tokens (bad_words_ids, suppress_tokens), and is no encoder-decoder"
    return ""


def answer_settings(model: Any, decoding: dict[str, Any]) -> dict[str, Any]:
    """Give what `predictor.json` of an encoder-decoder's graphs says beside prompts: token_rules and decoding."""
    own = model.generation_config
    rules = TokenRules(
        own.decoder_start_token_id,
        own.forced_bos_token_id,
        tuple(_listed(own.suppress_tokens)) + tuple(words[0] for words in own.bad_words_ids or ()),
        tuple(_listed(own.begin_suppress_tokens)),
    )
    room = decoding["max_new_tokens"]
    if own.forced_eos_token_id is not None:  # transformers makes the last token that there is room for an end.
        room = max(room - 1, 1)
    return {"token_rules": asdict(rules), "decoding": {**decoding, "max_new_tokens": room}}


def _listed(value: int | Sequence[int] | None) -> list[int]:
    if value is None:
        return []
    return [value] if isinstance(value, int) else list(value)
