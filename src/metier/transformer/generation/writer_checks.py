"""What a base and its rows have to be before a writer is trained: said before any work, with the cure."""

from collections.abc import Sequence

import numpy as np
from jinja2 import TemplateError

from metier.bases.base import GenerativeBase
from metier.errors import BaseModelError, DataError
from metier.predictors.text.prompting import Codec, Prompts, PromptSettings

# Of a few long targets the beginning is learned; where more are long, answers would never end.
MOST_CUT = 0.25
PROBE = "probe"


def check_targets(
    lengths: Sequence[int], most: int, *, context: int, base: GenerativeBase, is_stated: bool
) -> None:
    """Refuse rows whose targets do not fit where answers go.

    Parameters
    ----------
    lengths : sequence of int
        Tokens of each target, the end mark included.
    most : int
        Tokens that an answer may have.
    context : int
        Tokens of prompt and answer together.
    is_stated : bool
        Whether `most` was set, and not chosen by the targets.

    Raises
    ------
    DataError
        If more than a quarter of them would lose their ends.
    """
    n_cut = int(np.sum(np.asarray(lengths) > most))
    if n_cut <= MOST_CUT * len(lengths):
        return
    n, longest = len(lengths), max(lengths)
    if is_stated:
        raise DataError(
            f"{n_cut} of {n} targets are longer than the {most} tokens that an answer may have (the longest has "
            f"{longest}). Set a larger max_new_tokens, or none, or shorten the targets."
        )
    if context < base.max_length:
        raise DataError(
            f"{n_cut} of {n} targets are longer than the {most} tokens that an answer may have (the longest has "
            f"{longest}), a part of the context of {context}. Set a larger context, up to {base.max_length} with this "
            "base, or shorten the targets."
        )
    raise DataError(
        f"{n_cut} of {n} targets are longer than the {most} tokens that an answer may have (the longest has {longest}), "
        f"a part of the context of {context}, which is all that {base.name!r} has. Take a base with a longer context, "
        "split the rows, or shorten the targets."
    )


def checked_prompts(base: GenerativeBase, settings: PromptSettings, codec: Codec) -> Prompts:
    """Give what builds prompts for a base, whose template was tried.

    Raises
    ------
    BaseModelError
        If the chat template cannot be read, cannot be filled, or leaves the text out.
    """
    try:
        prompts = Prompts(settings, codec)
        filled = prompts.filled([{"role": "user", "content": PROBE}])
    except (TemplateError, TypeError, KeyError, AttributeError) as error:
        raise BaseModelError(
            f"The chat template of {base.name!r} cannot be filled ({error}). Correct chat_template in its "
            "tokenizer_config.json, or take it out: prompts are then marked with plain headings."
        ) from error
    if PROBE not in filled:
        raise BaseModelError(
            f"The chat template of {base.name!r} leaves out what the user says. Correct chat_template in its "
            "tokenizer_config.json, or take it out: prompts are then marked with plain headings."
        )
    return prompts
