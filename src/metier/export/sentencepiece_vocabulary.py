"""A tokenizer of two SentencePiece models with one vocabulary, as Marian has, in files that `tokenizers` reads.

Each model becomes a unigram tokenizer of its own: its pieces stand where the vocabulary has them, pieces that the
vocabulary lacks stand behind (they are read as the unknown token), and what only the vocabulary has is marked so that no
text matches it. Normalisation is the model's own table of characters.

Reference: sentencepiece_model.proto of SentencePiece, https://github.com/google/sentencepiece
"""

import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers
from transformers.utils import sentencepiece_model_pb2_new as sentencepiece

from metier.predictors.text.paired_codec import ABSENT, SOURCE_FILE, TARGET_FILE, PairedCodec
from metier.predictors.text.prompting import Codec

UNIGRAM = 1
SOURCE, TARGET, VOCABULARY = "source.spm", "target.spm", "vocab.json"
UNKNOWN = "<unk>"
SPECIAL = ("</s>", UNKNOWN, "<pad>")  # Left out of what is shown.
USER_DEFINED = 4


def tokenizer_fault(folder: Path, codec: Codec, texts: Sequence[str]) -> str:
    """Say what keeps the tokenizer of a base from being read without torch, "" for nothing.

    Parameters
    ----------
    folder : Path
        Of the base.
    codec : Codec
        As the base was trained with.
    texts : sequence of str
        Of the rows: both have to give the same ids for them.
    """
    if (folder / SOURCE_FILE).is_file():
        return ""
    if not all((folder / name).is_file() for name in (SOURCE, TARGET, VOCABULARY)):
        return f"the base has neither {SOURCE_FILE} nor {SOURCE}, {TARGET} and {VOCABULARY}"
    if (folder / "target_vocab.json").is_file():
        return "the base has a vocabulary for each side"
    for name in (SOURCE, TARGET):
        model = _read(folder / name)
        kinds = {piece.type for piece in model.pieces}
        if (
            model.trainer_spec.model_type != UNIGRAM
            or model.trainer_spec.byte_fallback
            or USER_DEFINED in kinds
        ):
            return f"{name} is no plain unigram model"
    with tempfile.TemporaryDirectory() as beside:
        written = PairedCodec(Path(beside), write_tokenizer(folder, Path(beside))["codec"])
    n = sum(
        written.encode(text) != codec.encode(text) or written.encode_target(text) != codec.encode_target(text)
        for text in texts
    )
    return f"its tokenizer written for ONNX reads {n} of {len(texts)} rows otherwise" if n else ""


def write_tokenizer(base: Path, folder: Path) -> dict[str, Any]:
    """Leave the tokenizer of a base without a `tokenizer_fault` in a folder, and give what settings say of it."""
    if (base / SOURCE_FILE).is_file():
        shutil.copy(base / SOURCE_FILE, folder / SOURCE_FILE)
        return {}
    vocabulary: dict[str, int] = json.loads((base / VOCABULARY).read_text("utf-8"))
    for name, file in ((SOURCE, SOURCE_FILE), (TARGET, TARGET_FILE)):
        _tokenizer(_read(base / name), vocabulary).save(str(folder / file))
    special = [vocabulary[piece] for piece in SPECIAL if piece in vocabulary]
    facts = {
        "n_tokens": max(vocabulary.values()) + 1,
        "unknown_id": vocabulary[UNKNOWN],
        "special_ids": special,
    }
    return {"codec": facts}


def _read(path: Path) -> Any:
    model = sentencepiece.ModelProto()
    model.ParseFromString(path.read_bytes())
    return model


def _tokenizer(model: Any, vocabulary: dict[str, int]) -> Tokenizer:
    scores = {piece.piece: piece.score for piece in model.pieces}
    lowest = min(scores.values())
    size = max(vocabulary.values()) + 1
    pieces = [(f"{ABSENT}{number}", lowest) for number in range(size)]
    for piece, number in vocabulary.items():
        pieces[number] = (piece, scores[piece]) if piece in scores else (f"{ABSENT}{piece}", lowest)
    # What SentencePiece itself never writes for a text: its marks of the beginning, the end and the unknown.
    marks = {piece.piece for piece in model.pieces if piece.type != 1}
    pieces = [(f"{ABSENT}{piece}", lowest) if piece in marks else (piece, score) for piece, score in pieces]
    pieces += [
        (piece, score) for piece, score in scores.items() if piece not in vocabulary and piece not in marks
    ]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=vocabulary[UNKNOWN], byte_fallback=False))
    table = model.normalizer_spec.precompiled_charsmap
    steps: list[Any] = [normalizers.Precompiled(table)] if table else []
    if model.normalizer_spec.remove_extra_whitespaces:
        steps += [normalizers.Strip(), normalizers.Replace(Regex(" {2,}"), " ")]
    tokenizer.normalizer = normalizers.Sequence(steps)
    scheme = "always" if model.normalizer_spec.add_dummy_prefix else "never"
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme, split=False)
    return tokenizer
