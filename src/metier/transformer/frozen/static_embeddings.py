"""Static embeddings out of a base: every token of its vocabulary is embedded once, alone.

Model2Vec (Tulkens and van Dongen, 2024, doi:10.5281/zenodo.17270888): the token's mean-pooled output, its size reduced
by PCA, weighted by how rare its rank in the vocabulary says it is (Arora et al., 2017, with frequencies by Zipf's law).
We depart in one point: a unigram vocabulary of many languages is cut to the scripts that the rows are written in and
to its most frequent pieces, because the rest would make the file ten times as large and is never read.
"""

import functools
import json
import re
import time
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from model2vec.distill.inference import post_process_embeddings
from tokenizers import Tokenizer

from metier.bases.base import Base
from metier.bases.embedding import embed_ids
from metier.bases.huggingface_folder import load_model
from metier.bases.known_bases import load_tokenizer, weights_hash
from metier.predictors.linear.static import StaticVectors
from metier.progress import Listener, ignore
from metier.user_cache import build_once, user_cache

DIMENSIONS = 256
# Rarity weight a / (a + frequency): words that every text has count little.
SMOOTHING = 1e-4
MOST_PIECES = 16_000
RECIPE = 1  # Part of the cache's name; a change of anything above is a new number.
UNUSED = re.compile(r"\[unused\d+\]")
TIMED_PIECES = 256  # To foretell how long all of them take.
SAMPLED_CHARACTERS = 500  # Of each text, to learn its script.


def distill(base: Base, texts: Sequence[str], *, listener: Listener = ignore) -> StaticVectors:
    """Distil static vectors from a base, or give those of an earlier time.

    Parameters
    ----------
    texts : sequence of str
        Rows to be read; only their scripts matter (Latin, Han, Cyrillic, …).
    """
    scripts = scripts_of(texts)
    folder = _folder_of(base, scripts)
    build_once(folder, lambda beside: _distill(base, scripts, listener).save(beside))
    return StaticVectors.load(folder)


def distilling_seconds(base: Base, texts: Sequence[str]) -> float:
    """Give what it takes here to distil a base for texts: a few real pieces are timed; 0 where it was done before."""
    scripts = scripts_of(texts)
    if _folder_of(base, scripts).exists():
        return 0.0
    pieces = _pieces_of(base, scripts)[1]
    model, sample = load_model(base), pieces[:: max(1, len(pieces) // TIMED_PIECES)][:TIMED_PIECES]
    embed_ids(model, sample[:8], normalise=False)  # Not timed: the first batch is slower.
    start = time.perf_counter()
    embed_ids(model, sample, normalise=False)
    return (time.perf_counter() - start) / len(sample) * len(pieces)


def _folder_of(base: Base, scripts: frozenset[str]) -> Path:
    return user_cache() / "static" / f"{weights_hash(base)[:16]}-{'-'.join(sorted(scripts)).lower()}-{RECIPE}"


def scripts_of(texts: Iterable[str]) -> frozenset[str]:
    """Give the scripts that texts are written in, by the first word of their letters' Unicode names.

    Latin is always one of them: names and numbers of models stand in every language. A script that fewer than one
    text in a hundred shows is left out.
    """
    counts: dict[str, int] = {}
    total = 0
    for text in texts:
        total += 1
        for script in {_script(character) for character in set(text[:SAMPLED_CHARACTERS])} - {""}:
            counts[script] = counts.get(script, 0) + 1
    return frozenset({"LATIN"} | {script for script, rows in counts.items() if rows * 100 >= total})


@functools.lru_cache(maxsize=200_000)
def _script(character: str) -> str:
    # Digits, punctuation and marks belong to every script.
    return unicodedata.name(character, "OTHER").split()[0] if character.isalpha() else ""


@dataclass(frozen=True)
class _Vocabulary:
    """Which pieces get a vector, and the tokenizer that knows them.

    Parameters
    ----------
    tokenizer : Tokenizer
        Without special tokens; gives row numbers of the matrix.
    ids : list of int
        Of the kept pieces in the base, the most frequent first.
    rows : list of int
        Of the kept pieces in the matrix.
    n_rows : int
        Of the matrix.
    """

    tokenizer: Tokenizer
    ids: list[int]
    rows: list[int]
    n_rows: int


def _pieces_of(base: Base, scripts: frozenset[str]) -> tuple[_Vocabulary, list[list[int]]]:
    """Give the pieces that get a vector, and each as a text of its own."""
    tokenizer = load_tokenizer(base)
    definition = json.loads(tokenizer.to_str())
    cut = _cut_unigram if definition["model"]["type"] == "Unigram" else _keep_vocabulary
    vocabulary = cut(definition, scripts)
    before, *after = tokenizer.encode("").ids  # The special tokens that stand around every text.
    return vocabulary, [[before, piece, *after] for piece in vocabulary.ids]


def _distill(base: Base, scripts: frozenset[str], listener: Listener) -> StaticVectors:
    vocabulary, pieces = _pieces_of(base, scripts)
    vectors = embed_ids(
        load_model(base),
        pieces,
        normalise=False,
        listener=lambda progress: listener(replace(progress, what=f"distilling {base.name}", unit="pieces")),
    )
    reduced, weights = post_process_embeddings(vectors, DIMENSIONS, sif_coefficient=SMOOTHING)
    matrix = np.zeros((vocabulary.n_rows, reduced.shape[1]), dtype=np.float16)
    matrix[vocabulary.rows] = reduced * weights[:, None]
    return StaticVectors(vocabulary.tokenizer, matrix)


def _keep_vocabulary(definition: dict[str, Any], scripts: frozenset[str]) -> _Vocabulary:
    """Keep every piece under its own number; special and unused ones get no vector."""
    special = {token["content"] for token in definition["added_tokens"]}
    by_id = sorted((number, piece) for piece, number in definition["model"]["vocab"].items())
    ids = [number for number, piece in by_id if piece not in special and not UNUSED.fullmatch(piece)]
    return _Vocabulary(_bare_tokenizer(definition), ids, ids, by_id[-1][0] + 1)


def _cut_unigram(definition: dict[str, Any], scripts: frozenset[str]) -> _Vocabulary:
    """Keep the most frequent pieces of these scripts and all their single characters, so every text can be tokenized."""
    special = {token["content"] for token in definition["added_tokens"]}
    pieces: list[list[Any]] = definition["model"]["vocab"]
    allowed = [
        number
        for number, (piece, _) in enumerate(pieces)
        if piece not in special and {_script(character) for character in piece} - {""} <= scripts
    ]
    long = [number for number in allowed if len(pieces[number][0].lstrip("▁")) > 1][:MOST_PIECES]
    single = [number for number in allowed if len(pieces[number][0].lstrip("▁")) <= 1]
    ids = sorted([*long, *single])
    definition["model"]["vocab"] = [["<unk>", 0.0], *(pieces[number] for number in ids)]
    definition["model"]["unk_id"] = 0
    return _Vocabulary(_bare_tokenizer(definition), ids, list(range(1, len(ids) + 1)), len(ids) + 1)


def _bare_tokenizer(definition: dict[str, Any]) -> Tokenizer:
    bare = definition | {"added_tokens": [], "post_processor": None, "truncation": None, "padding": None}
    return Tokenizer.from_str(json.dumps(bare, ensure_ascii=False))
