"""From checked rows to tokens: how prompts are built for a base, and what of the rows is trained on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from metier.bases.base import GenerativeBase
from metier.bases.generative_bases import load_codec, load_tokenizer
from metier.errors import DataError
from metier.predictors.text.decoding.constraints import build_constraint, constrained_targets, tokens_needed
from metier.predictors.text.decoding.decoding_settings import smallest_unrepeated
from metier.predictors.text.prompting import ENCODER_TEMPLATE, PLAIN_TEMPLATE, Codec, Prompts, PromptSettings
from metier.tasks.generation import TextPairs
from metier.tasks.text_kinds import text_kind
from metier.transformer.generation.generation_rows import GenerationRows
from metier.transformer.generation.writer_checks import check_targets, checked_prompts

# Nine in a hundred answers may end early rather than that every answer may become as long as the longest.
QUANTILE = 0.99
SLACK = 1.2  # A new row may need somewhat more tokens than the training rows.
SMALLEST_SHARE = 4  # A quarter of the context is the most that answers may take of it.


@dataclass(frozen=True)
class Encoding:
    """How a base reads and writes the rows of one task.

    Parameters
    ----------
    base : GenerativeBase
    tokenizer : PreTrainedTokenizer
        For saving.
    codec : Codec
    prompts : Prompts
    max_new_tokens, no_repeat_ngram : int
        What the training targets say about answers.
    end_id : int
    constraint : mapping, optional
        What answers are held to, see `DecodingSettings`; a target that breaks it is refused.
    """

    base: GenerativeBase
    tokenizer: Any
    codec: Codec
    prompts: Prompts
    max_new_tokens: int
    no_repeat_ngram: int
    end_id: int
    constraint: Mapping[str, Any] | None = None

    def rows(self, pairs: TextPairs) -> tuple[GenerationRows, dict[str, int]]:
        """Give the rows as tokens, and what could not be used of them.

        A text to translate that is longer than the context becomes several prompts in answering; in training its
        target cannot be cut in the same places, so it is left out. A target past `max_new_tokens` teaches its
        beginning, without the end mark.

        Raises
        ------
        DataError
            If nothing is left.
        """
        prompts, answers = [], []
        n_left_out = n_cut = 0
        for item, target in zip(pairs.items, self._targets(pairs), strict=True):
            built = self.prompts.build(item)
            if len(built) > 1:
                n_left_out += 1
                continue
            answer = self._answer(target)
            n_cut += len(answer) > self.max_new_tokens
            prompts.append(built[0])
            answers.append(answer[: self.max_new_tokens])
        if not prompts:
            raise DataError(
                f"All {len(pairs)} texts are longer than the context of {self.prompts.text_room} tokens, "
                "and texts to translate are not truncated in training. Split the rows into sentences, or "
                "set a larger context."
            )
        is_pair = self.base.is_encoder_decoder
        ids = (
            prompts
            if is_pair
            else [[*prompt, *answer] for prompt, answer in zip(prompts, answers, strict=True)]
        )
        rows = GenerationRows(ids, None, self.pad_id, answers=answers, is_encoder_decoder=is_pair)
        return rows, {"rows_left_out": n_left_out, "targets_cut": n_cut}

    @property
    def pad_id(self) -> int:
        """The token that rows are padded with."""
        found = self.tokenizer.pad_token_id
        return self.end_id if found is None else int(found)

    def _targets(self, pairs: TextPairs) -> Sequence[str]:
        return constrained_targets(self.constraint, pairs.targets)

    def _answer(self, target: str) -> list[int]:
        return encode_answer(self.codec, self.prompts.settings, self.base, target, self.end_id)


def encode_answer(
    codec: Codec, settings: PromptSettings, base: GenerativeBase, target: str, end_id: int
) -> list[int]:
    """Give the tokens that a model should write, the end mark included."""
    ids = codec.encode_target(target)
    if not base.is_encoder_decoder:
        return [*ids, end_id]
    return [*settings.before, *ids, *(settings.after or (end_id,))]


def build_encoding(
    base: GenerativeBase,
    pairs: TextPairs,
    *,
    kind: str,
    language: str,
    instruction: str | None,
    context: int,
    max_new_tokens: int | None,
    constraint: Mapping[str, Any] | None = None,
    n_before: int = 0,
) -> Encoding:
    """Decide how a base is asked, from what it is and what the training rows are like.

    `n_before` places of its context stand before every text.
    """
    tokenizer = load_tokenizer(base.folder)
    codec = load_codec(base.folder)
    end_id = _end_of(tokenizer, base)
    context = min(context, base.max_length - n_before)
    bare = prompt_settings(base, tokenizer, kind=kind, room=context, instruction=instruction, language=language)
    targets = constrained_targets(constraint, pairs.targets)
    answers = [encode_answer(codec, bare, base, target, end_id) for target in targets]
    lengths = [len(answer) for answer in answers]
    n_marks = len(bare.before) if base.is_encoder_decoder else 0
    # An encoder-decoder may need room for its end as well.
    needed = tokens_needed(constraint, codec) + n_marks + base.is_encoder_decoder
    most = max_new_tokens or max(_most_new_tokens(lengths, context), needed)
    # Or it is said now what is missing.
    build_constraint(constraint, codec, end_ids=[end_id], max_new_tokens=most, n_before=n_marks)
    check_targets(lengths, most, context=context, base=base, is_stated=max_new_tokens is not None)
    room = context if base.is_encoder_decoder else context - most
    settings = PromptSettings(**{**vars(bare), "room": room})
    return Encoding(
        base,
        tokenizer,
        codec,
        checked_prompts(base, settings, codec),
        most,
        0 if constraint or text_kind(kind).is_verbatim else smallest_unrepeated(answers),
        end_id,
        constraint,
    )


def _most_new_tokens(lengths: Sequence[int], context: int) -> int:
    wanted = int(np.ceil(np.quantile(lengths, QUANTILE) * SLACK)) + 2
    return max(min(wanted, context // SMALLEST_SHARE), 1)


def prompt_settings(
    base: GenerativeBase, tokenizer: Any, *, kind: str, room: int, instruction: str | None, language: str
) -> PromptSettings:
    """Give how a base is asked, by its own chat template where it has one."""
    own = tokenizer.chat_template
    is_chat = isinstance(own, str) and not base.is_encoder_decoder
    template = str(own) if is_chat else ENCODER_TEMPLATE if base.is_encoder_decoder else PLAIN_TEMPLATE
    before, after = ((), ()) if is_chat else _affixes(tokenizer)
    if instruction is None:
        # An encoder-decoder gets no instruction: T5 or Marian have their own prefixes from pretraining.
        instruction = "" if base.is_encoder_decoder else text_kind(kind).instruction(language)
    return PromptSettings(
        kind=kind,
        instruction=instruction,
        template=template,
        room=room,
        before=before,
        # What a causal model writes comes where its tokenizer would put the end.
        after=after if base.is_encoder_decoder else (),
        bos_token=tokenizer.bos_token or "",
        eos_token=tokenizer.eos_token or "",
    )


def _affixes(tokenizer: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The ids that a tokenizer puts before and after every text."""
    bare = tokenizer.encode("a", add_special_tokens=False)
    whole = tokenizer.encode("a", add_special_tokens=True)
    for start in range(len(whole) - len(bare) + 1):
        if whole[start : start + len(bare)] == bare:
            return tuple(whole[:start]), tuple(whole[start + len(bare) :])
    return (), ()


def _end_of(tokenizer: Any, base: GenerativeBase) -> int:
    if tokenizer.eos_token_id is None:
        raise DataError(
            f"The tokenizer of {base.name!r} names no end-of-sequence token (eos_token), so its answers would never end. "
            "Name one in its tokenizer_config.json."
        )
    return int(tokenizer.eos_token_id)
