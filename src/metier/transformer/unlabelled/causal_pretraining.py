"""Continued pretraining of a model that writes [1]_: it goes on foretelling the next token, on the raw texts of a domain.

What it knew before is forgotten meanwhile unless some of it is read again. So a share of what is learned is general text:
texts that are given, or, as the rows that a base was pretrained on are not at hand, texts that it writes itself before it
learns (pseudo-rehearsal [2]_). A tenth of both is held out, and the perplexity of it before and after, with an interval of
the change, says what was learned and what was forgotten. Only the upper layers learn, by low-rank matrices over kept states
of the layers below, as in tuning a writer; they are merged into a base that is kept in the user's cache.

References
----------
.. [1] Gururangan et al., "Don't stop pretraining: adapt language models to domains and tasks", 2020, arXiv:2004.10964.
.. [2] Robins, "Catastrophic forgetting, rehearsal and pseudorehearsal", 1995.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

from metier.bases.adaptation import parse_adaptation
from metier.bases.base import WEIGHTS, GenerativeBase
from metier.bases.generative_bases import (
    load_codec,
    load_language_model,
    resolve_generative_base,
    save_language_model,
    working_dtype,
)
from metier.bases.huggingface_folder import quiet_transformers
from metier.bases.known_base import file_hash
from metier.bases.precision import mixed_precision
from metier.errors import BaseModelError, DataError
from metier.progress import Listener, Progress, ignore
from metier.training.batching import plan_epoch
from metier.training.learning_rate import decay_groups
from metier.training.loop import Loop, LoopSettings
from metier.training.objectives.next_token import answer_cross_entropy
from metier.training.objectives.objective import with_penalty
from metier.transformer.generation.answer_rules import answering_attention
from metier.transformer.generation.compared_rows import likelihoods
from metier.transformer.generation.generation_rows import GenerationRows
from metier.transformer.generation.kept_states import kept_states
from metier.transformer.generation.prepared_writer import prepare_writer
from metier.user_cache import build_once, user_cache

VERSION = 1  # Of how it is done: another one is another folder.
FACTS = "pretraining.json"
HELD_FRACTION, FEWEST_HELD = 0.1, 4  # Of the pieces.
WRITTEN_AT_ONCE = 8  # Texts that a base writes side by side.
RESAMPLES = 1_000


@dataclass(frozen=True)
class CausalSettings:
    """What is learned, and how long.

    Parameters
    ----------
    passes : int
        Over the texts.
    piece : int
        Most tokens that are read together: longer texts are cut, and each piece is foretold from its own beginning.
    replay_fraction : float
        Tokens of general text for each token of the domain, 0 or more.
    upper_layers : int or None
        See `GeneratorSettings`.
    adaptation : str
    learning_rate : float
    token_budget, random_state : int
    """

    passes: int = 1
    piece: int = 256
    replay_fraction: float = 0.1
    upper_layers: int | None = None
    adaptation: str = "lora:16"
    learning_rate: float = 2e-4
    token_budget: int = 1024
    random_state: int = 0


def pretrain_writer(
    base: GenerativeBase,
    texts: Sequence[str],
    settings: CausalSettings,
    *,
    general: Sequence[str] = (),
    listener: Listener = ignore,
) -> tuple[GenerativeBase, dict[str, Any]]:
    """Give the base after it learned the texts, and how that went; the same texts are learned once.

    Parameters
    ----------
    general : sequence of str
        General texts to be read again; empty: the base writes some itself.

    Raises
    ------
    BaseModelError
        If the base is an encoder-decoder.
    DataError
        If there is too little text.
    """
    if base.is_encoder_decoder:
        raise BaseModelError(
            f"{base.name!r} is an encoder-decoder, and raw texts are learned by causal models. Take one with --base, or "
            "leave pretrained_generator.v1 out."
        )
    digest = hashlib.sha256(f"{VERSION} {file_hash(base.folder / WEIGHTS)} {settings}".encode())
    for text in (*texts, "", *general):
        digest.update(text.encode("utf-8", "surrogatepass") + b"\0")
    folder = user_cache() / "bases" / f"pretrained-writer-{digest.hexdigest()[:16]}"
    build_once(folder, lambda partial: _learn(base, texts, general, settings, partial, listener))
    facts: dict[str, Any] = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    # Under the name it was asked for by: another fit finds this folder again from there.
    return replace(resolve_generative_base(str(folder)), name=base.name), facts


def _learn(
    base: GenerativeBase,
    texts: Sequence[str],
    general: Sequence[str],
    settings: CausalSettings,
    folder: Path,
    listener: Listener,
) -> None:
    with quiet_transformers():
        tokenizer = transformers.AutoTokenizer.from_pretrained(
            base.folder, local_files_only=True, trust_remote_code=False
        )
    codec, end_id = load_codec(base.folder), int(tokenizer.eos_token_id)
    domain = pieces([codec.encode(text) for text in texts], settings.piece, end_id)
    learned, held = _parted(domain, settings.random_state)
    n_wanted = int(settings.replay_fraction * sum(map(len, learned)))
    again = pieces([codec.encode(text) for text in general], settings.piece, end_id)
    again = _within(again, n_wanted) if general else rehearsed(base, end_id, n_wanted, settings, listener)
    replayed, general_held = _parted(again, settings.random_state) if n_wanted else ([], [])
    parts = [as_text_rows([*learned, *replayed], end_id), as_text_rows([*held, *general_held], end_id)]
    ready = prepare_writer(
        base,
        parse_adaptation(settings.adaptation),
        parts,
        upper_layers=settings.upper_layers,
        n_steps=settings.passes * len(parts[0]),
        random_state=settings.random_state,
    )
    with kept_states(ready.writer, ready.n_frozen, ready.parts, listener=listener) as are_kept:
        before = likelihoods(ready.writer, ready.parts[1], token_budget=settings.token_budget)
        outcome = _run(ready, settings, f"pretraining {base.name} on {len(texts):,} texts", listener)
        after = likelihoods(ready.writer, ready.parts[1], token_budget=settings.token_budget)
    ready.adapted.merge()
    model = ready.writer.language_model.to(working_dtype(base)).eval()
    model.set_attn_implementation(answering_attention(model))
    save_language_model(model, tokenizer, folder)
    is_domain = np.arange(len(held) + len(general_held)) < len(held)
    facts = {
        "texts": len(texts),
        "tokens": sum(map(len, learned)),
        "replayed_tokens": sum(map(len, replayed)),
        "replayed": "given texts" if general else "texts that the base wrote",
        "frozen_states_kept": are_kept,
        "seconds": outcome.seconds,
        "epochs": outcome.history,
        "domain": perplexity(before, after, is_domain),
        "general": perplexity(before, after, ~is_domain) if general_held else None,
    }
    (folder / FACTS).write_text(json.dumps(facts), encoding="utf-8")


def _run(ready: Any, settings: CausalSettings, what: str, listener: Listener) -> Any:
    rows = ready.parts[0]
    torch.manual_seed(settings.random_state)
    return Loop(
        ready.writer,
        rows,
        groups=decay_groups(list(ready.writer.trained().values()), 0.01, settings.learning_rate),
        plan=lambda epoch: plan_epoch(
            rows.lengths, token_budget=settings.token_budget, epoch=epoch, random_state=settings.random_state
        ),
        objective=with_penalty(answer_cross_entropy, ready.adapted),
        hook=ready.adapted.hook,
        settings=LoopSettings(epochs=settings.passes),
        mixed_precision=mixed_precision(),
        what=what,
        listener=listener,
    ).run()


def pieces(texts: Sequence[Sequence[int]], most: int, end_id: int) -> list[list[int]]:
    """Cut texts into pieces of at most so many tokens, an end mark behind each text; single tokens teach nothing."""
    found = []
    for text in texts:
        ids = [*text, end_id]
        found += [ids[start : start + most] for start in range(0, len(ids), most)]
    return [piece for piece in found if len(piece) > 1]


def as_text_rows(found: Sequence[Sequence[int]], pad_id: int) -> GenerationRows:
    """Give pieces as rows of which every token but the first is foretold."""
    return GenerationRows(
        [list(piece) for piece in found], None, pad_id, answers=[list(piece[1:]) for piece in found]
    )


def rehearsed(
    base: GenerativeBase, end_id: int, n_tokens: int, settings: CausalSettings, listener: Listener
) -> list[list[int]]:
    """Let a base write texts, so many tokens in all: what it would say of anything, as nothing is asked."""
    if n_tokens <= 0:
        return []
    model = load_language_model(base, dtype=working_dtype(base))
    start = model.config.bos_token_id
    ids = torch.full((WRITTEN_AT_ONCE, 1), end_id if start is None else int(start), dtype=torch.int64)
    found: list[list[int]] = []
    torch.manual_seed(settings.random_state)
    while sum(map(len, found)) < n_tokens:
        listener(Progress("writing texts to read again", sum(map(len, found)), n_tokens, unit="tokens"))
        with torch.inference_mode():
            given = model.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                do_sample=True,
                top_k=0,
                max_new_tokens=settings.piece - 1,
                pad_token_id=end_id,
                eos_token_id=end_id,
            )
        for row in given[:, 1:].tolist():
            text = row[: row.index(end_id)] if end_id in row else row
            found += pieces([text], settings.piece, end_id)
    return found


def _within(found: list[list[int]], n_tokens: int) -> list[list[int]]:
    """The first pieces that have so many tokens together."""
    ends = np.cumsum([len(piece) for piece in found])
    return found[: max(2 * FEWEST_HELD, int(np.searchsorted(ends, n_tokens)) + 1)]


def _parted(found: list[list[int]], random_state: int) -> tuple[list[list[int]], list[list[int]]]:
    """Part pieces into those that are learned and those that are held out.

    Raises
    ------
    DataError
        If there are too few.
    """
    n_held = max(FEWEST_HELD, int(HELD_FRACTION * len(found)))
    if len(found) < 2 * FEWEST_HELD:
        raise DataError(
            f"There are {len(found)} pieces of text to learn from, and {2 * FEWEST_HELD} are needed: {FEWEST_HELD} of them "
            "say what was learned or forgotten. Give more unlabelled text, or leave pretrained_generator.v1 out."
        )
    order = np.random.default_rng(random_state).permutation(len(found))
    return [found[place] for place in order[n_held:]], [found[place] for place in order[:n_held]]


def perplexity(
    before: tuple[np.ndarray, np.ndarray], after: tuple[np.ndarray, np.ndarray], which: np.ndarray
) -> dict[str, Any]:
    """Give the perplexity of some rows before and after, and the change in nats a token with its 95 % interval.

    Parameters
    ----------
    before, after : (log-likelihoods, tokens), ndarrays of shape (n_rows,)
    which : ndarray of bool of shape (n_rows,)
    """
    tokens = before[1][which]
    losses = [-one[0][which] for one in (before, after)]
    weights = np.random.default_rng(0).multinomial(
        len(tokens), np.full(len(tokens), 1 / len(tokens)), RESAMPLES
    )
    drawn = (weights @ (losses[1] - losses[0])) / (weights @ tokens)
    low, high = np.quantile(drawn, [0.025, 0.975])
    was, now = (float(loss.sum() / tokens.sum()) for loss in losses)
    change = {"value": now - was, "low": float(low), "high": float(high)}
    return {"pieces": len(tokens), "before": float(np.exp(was)), "after": float(np.exp(now)), "nats": change}
