"""The vocabulary trimmed to the languages of the rows: tokens that none of them shows are left out.

Exact on the rows: a tokenizer that cuts greedily (WordPiece) or by the best path (Unigram) cuts a text alike as long as
the tokens of that cut stay. Other texts fall back to shorter pieces, down to single characters of the rows' scripts, so
nothing becomes unanswerable.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from tokenizers import Tokenizer

from metier.bases.huggingface_folder import load_model, save_encoder
from metier.compression.graph_feeds import feeds_of
from metier.compression.materials import LabelledItems, Materials
from metier.compression.part_files import base_of, change_settings, copy_part, has_weights
from metier.compression.technique import is_encoder
from metier.errors import CompressionError
from metier.export.graph_export import HUGGING_FACE_FOLDER
from metier.predictors.loading import load_predictor, read_settings
from metier.predictors.onnx.graph_session import MODEL_FILE, TOKENIZER_FILE
from metier.tasks.answers.kind import as_lists
from metier.transformer.frozen.static_embeddings import scripts_of

# Of general text: so many of the most frequent pieces stay that no row shows; vocabularies are ordered by frequency.
GENERAL_PIECES = 4_000
CHECKED_ROWS = 256  # Whose answers are compared; how they are cut is of all.
MARKS = ("##", "▁", "</w>")
FEWEST_ROWS = 1_000  # Tables of fewer rows (positions, token types) are no vocabulary.


@dataclass(frozen=True)
class Vocabulary:
    """Leaves out the tokens that neither the rows nor general text in their scripts need."""

    name: ClassVar[str] = "vocabulary"

    def fits(self, settings: Mapping[str, Any]) -> bool:
        """Whether it is an encoder with a vocabulary that is not trimmed yet."""
        # A graph of marked entities finds the marks by their numbers, which would move.
        return (
            is_encoder(settings) and "trimmed_from" not in settings and settings["kind"] != "onnx_relation.v1"
        )

    def apply(self, part: Path, folder: Path, materials: Materials) -> dict[str, Any]:
        """Write the files with a smaller table of embeddings and its tokenizer."""
        items = [*materials.train.items, *materials.choosing.items, *materials.validation.items]
        before = feeds_of(part, items)
        definition = json.loads((part / TOKENIZER_FILE).read_text("utf-8"))
        texts = materials.input.texts(items)
        kept = kept_ids(definition, before, scripts_of([*texts, *materials.unlabelled]))
        copy_part(part, folder, without=(HUGGING_FACE_FOLDER,))
        pad_id = int(read_settings(part).get("pad_id", 0))
        _check_padding(part, kept, pad_id)
        trim_graph(folder / MODEL_FILE, kept)
        trimmed = trim_tokenizer(definition, kept)
        (folder / TOKENIZER_FILE).write_text(json.dumps(trimmed, ensure_ascii=False), "utf-8")
        change_settings(folder, {"trimmed_from": len(vocabulary_of(definition))})
        if has_weights(part):
            _trim_weights(part, folder, trimmed, kept)
        _check_equal(before, feeds_of(folder, items), kept)
        _check_answers(part, folder, LabelledItems(items, items).evenly(CHECKED_ROWS).items)
        return {
            "tokens_before": len(vocabulary_of(definition)),
            "tokens": len(kept),
            "rows_checked": len(items),
        }


def vocabulary_of(definition: Mapping[str, Any]) -> dict[int, str]:
    """Give the pieces of a tokenizer by their ids.

    Raises
    ------
    CompressionError
        If its model is neither WordPiece nor Unigram: others build pieces of one another.
    """
    model = definition["model"]
    if model["type"] == "WordPiece":
        pieces = {number: piece for piece, number in model["vocab"].items()}
    elif model["type"] == "Unigram":
        pieces = {number: piece for number, (piece, _) in enumerate(model["vocab"])}
    else:
        raise CompressionError(
            f"A vocabulary of type {model['type']} cannot be trimmed, for its pieces are built of one another; WordPiece "
            "and Unigram can. Leave vocabulary out."
        )
    return pieces | {token["id"]: token["content"] for token in definition["added_tokens"]}


def kept_ids(
    definition: Mapping[str, Any], feeds: Iterable[Sequence[int]], scripts: frozenset[str]
) -> np.ndarray:
    """Give the ids that stay, ascending: special ones, those of rows, single characters and frequent pieces."""
    pieces = vocabulary_of(definition)
    seen = {token["id"] for token in definition["added_tokens"]}
    for row in feeds:
        seen.update(row)
    general = 0
    for number in sorted(pieces.keys() - seen):
        bare = pieces[number]
        for mark in MARKS:
            bare = bare.replace(mark, "")
        if not scripts_of([bare]) <= scripts:
            continue
        is_frequent = general < GENERAL_PIECES and len(bare) > 1 and not bare.startswith("[unused")
        general += is_frequent
        if is_frequent or len(bare) <= 1:
            seen.add(number)
    return np.array(sorted(seen), dtype=np.int64)


def trim_tokenizer(definition: Mapping[str, Any], kept: np.ndarray) -> dict[str, Any]:
    """Give the definition of a tokenizer that knows the kept pieces alone, by their places among them."""
    place = {int(number): position for position, number in enumerate(kept)}
    found: dict[str, Any] = json.loads(json.dumps(definition))
    model = found["model"]
    if model["type"] == "WordPiece":
        model["vocab"] = {piece: place[number] for piece, number in model["vocab"].items() if number in place}
    else:
        model["unk_id"] = place.get(model["unk_id"], 0)
        model["vocab"] = [entry for number, entry in enumerate(model["vocab"]) if number in place]
    for token in found["added_tokens"]:
        token["id"] = place[token["id"]]
    if found.get("post_processor"):
        found["post_processor"] = _moved(found["post_processor"], lambda number: place[number])
    if found.get("padding"):
        found["padding"]["pad_id"] = place.get(found["padding"]["pad_id"], 0)
    return found


def _moved(processor: Any, move: Callable[[int], int]) -> Any:
    """Give a post-processor with its ids moved: those of `ids`, and those beside `sep` and `cls`."""
    if isinstance(processor, list):
        return [_moved(one, move) for one in processor]
    if not isinstance(processor, dict):
        return processor
    found = {}
    for key, value in processor.items():
        if key == "ids":
            found[key] = [move(number) for number in value]
        elif key in ("sep", "cls") and isinstance(value, list):
            found[key] = [value[0], move(value[1])]
        else:
            found[key] = _moved(value, move)
    return found


def trim_graph(path: Path, kept: np.ndarray) -> None:
    """Leave in a graph only the kept rows of the tables that token ids are looked up in."""
    model = onnx.load(path)
    tables = {node.input[0] for node in model.graph.node if node.op_type == "Gather"}
    sizes = [one.dims[0] for one in model.graph.initializer if one.name in tables and len(one.dims) == 2]
    n_rows = max(sizes, default=0)
    if n_rows <= kept[-1]:
        raise CompressionError(
            f"{path} has no table of embeddings for all tokens, so its vocabulary cannot be trimmed. Leave vocabulary out."
        )
    for one in model.graph.initializer:
        if one.name in tables and len(one.dims) == 2 and one.dims[0] == n_rows:
            one.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(one)[kept], one.name))
    onnx.save(model, path)


def _trim_weights(part: Path, folder: Path, definition: Mapping[str, Any], kept: np.ndarray) -> None:
    """Write the weights with the smaller table, as a base again."""
    base, encoder = base_of(part), load_model(base_of(part))
    whole: Any = encoder.get_input_embeddings()
    rows = whole.weight.detach()[torch.from_numpy(kept)].clone()
    small = torch.nn.Embedding.from_pretrained(rows, freeze=False, padding_idx=whole.padding_idx)
    encoder.set_input_embeddings(small)
    encoder.config.vocab_size = len(kept)
    tokenizer = Tokenizer.from_str(json.dumps(definition))
    save_encoder(
        encoder, base, folder / HUGGING_FACE_FOLDER, tokenizer=tokenizer, head={}, labels=[], temperature=1
    )


def _check_padding(part: Path, kept: np.ndarray, pad_id: int) -> None:
    """Refuse where the padding would get another number: a graph may count positions by it."""
    if pad_id >= len(kept) or kept[pad_id] != pad_id:
        raise CompressionError(
            f"{part} pads with token {pad_id}, which a trimmed vocabulary would move. Leave vocabulary out."
        )


def _check_answers(part: Path, folder: Path, items: Sequence[Any]) -> None:
    """Refuse where answers are not the very same: a graph may know tokens by their numbers."""
    before, after = (load_predictor(one).predict(items).predicted for one in (part, folder))
    differing = sum(as_lists(one) != as_lists(other) for one, other in zip(before, after, strict=True))
    if differing:
        raise CompressionError(
            f"A trimmed vocabulary answers {differing:,} of {len(items):,} rows otherwise. Leave vocabulary out."
        )


def _check_equal(before: list[list[int]], after: list[list[int]], kept: np.ndarray) -> None:
    differing = sum(one != kept[other].tolist() for one, other in zip(before, after, strict=True))
    if differing:
        raise CompressionError(
            f"A trimmed vocabulary cuts {differing:,} of {len(before):,} sequences otherwise. Leave vocabulary out."
        )
