"""From torch to files: the same answers, in ONNX and in plain transformers; INT8 only where it is proved."""

import json
import re
import shutil
import warnings
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
import torch
from safetensors.numpy import load_file

from metier.bases import load_model, load_tokenizer, resolve_base
from metier.bases.embedding import embed
from metier.errors import SettingsError
from metier.export import graph_export as export
from metier.export import onnx_graph, precision_choice
from metier.export.graph_export import Exported, export_graph, pooled, sample_of
from metier.export.onnx_graph import quantize, write_graph
from metier.export.precision_choice import EquivalenceCheck
from metier.export.smoothing import smooth
from metier.features.tokenization import pad, token_ids
from metier.predictors import load_predictor
from metier.predictors.onnx.graph_session import open_session
from metier.tasks.answers.label import LabelDecoder
from metier.training.heads.linear_probe import fit_probe


@pytest.fixture(scope="module")
def base(small_base):
    return resolve_base(str(small_base))


@pytest.fixture(scope="module")
def rows(banking77):
    """Texts and class numbers of four labels of banking77, easy to tell apart."""
    texts, labels = banking77("train")
    wanted = ["age_limit", "card_arrival", "change_pin", "exchange_rate"]
    pairs = [(text, wanted.index(label)) for text, label in zip(texts, labels, strict=True) if label in wanted]
    order = np.random.default_rng(0).permutation(len(pairs))
    return [pairs[i][0] for i in order], np.array([pairs[i][1] for i in order])


def exported_of(base, probe):
    decoder = LabelDecoder(tuple("abcd"), probe.temperature)
    head = {"weight": probe.weight, "bias": probe.bias}
    return Exported(
        "onnx_encoder.v1", "frozen_linear.v1", base, pooled(load_model(base), base), decoder, head=head
    )


@pytest.fixture(scope="module")
def exported(base, rows, tmp_path_factory):
    """A predictor's folder, in fp32."""
    texts, truth = rows
    vectors = embed(base, texts, cache=False)
    probe = fit_probe(vectors, truth, C=0.01, temperature=0.7)
    folder = tmp_path_factory.mktemp("exported")
    report = export_graph(exported_of(base, probe), folder)
    return folder, probe.probabilities(vectors), report, probe


@pytest.fixture(scope="module")
def graph(base, tmp_path_factory):
    path = tmp_path_factory.mktemp("graph") / "fp32.onnx"
    write_graph(load_model(base), path, normalise=True)
    return path


def vectors_of(path, base, texts):
    """The vectors of a graph, each text by itself."""
    session = open_session(path, threads=1)
    found = []
    for ids in token_ids(load_tokenizer(base), texts, prefix=base.prefix):
        row, mask = pad([ids], pad_id=0)
        found.append(session.run(None, {"input_ids": row, "attention_mask": mask})[0])
    return np.concatenate(found)


def test_only_what_is_needed_stays(exported):
    folder, _, report, _ = exported
    files = {path.name for path in folder.iterdir()}
    assert files == {"model.onnx", "tokenizer.json", "head.safetensors", "predictor.json", "huggingface"}
    assert report.chosen == "fp32"
    assert "validation rows" in report.why


def test_the_graph_answers_as_torch_does(exported, rows):
    folder, expected, _, _ = exported
    np.testing.assert_allclose(load_predictor(folder).predict(rows[0]).probabilities, expected, atol=1e-4)


def test_attention_is_fused(graph):
    kinds = [node.op_type for node in onnx.load(graph).graph.node]
    assert kinds.count("Attention") == 2
    assert "SkipLayerNormalization" not in kinds


def test_an_architecture_whose_attention_is_not_fused_is_exported_too(base, rows, tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_graph, "FUSED_TYPES", ())
    write_graph(load_model(base), tmp_path / "plain.onnx", normalise=True)
    texts = rows[0][:20]
    found = vectors_of(tmp_path / "plain.onnx", base, texts)
    np.testing.assert_allclose(found, embed(base, texts, cache=False), atol=1e-5)


def test_a_wrong_fusion_is_noticed_and_left_out(base, rows, tmp_path, monkeypatch):
    fuse = onnx_graph._fuse

    def wrong(source, path, config):
        fuse(source, path, config)
        model = onnx.load(path)
        attention = next(node for node in model.graph.node if node.op_type == "Attention")
        next(a for a in attention.attribute if a.name == "num_heads").i = 6
        onnx.save(model, path)

    monkeypatch.setattr(onnx_graph, "_fuse", wrong)
    write_graph(load_model(base), tmp_path / "model.onnx", normalise=True)
    assert "Attention" not in {node.op_type for node in onnx.load(tmp_path / "model.onnx").graph.node}
    texts = rows[0][:20]
    found = vectors_of(tmp_path / "model.onnx", base, texts)
    np.testing.assert_allclose(found, embed(base, texts, cache=False), atol=1e-5)


def test_export_leaves_the_model_as_it_was(base, tmp_path):
    model = load_model(base).train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    write_graph(model, tmp_path / "model.onnx", normalise=True)
    assert model.training
    assert model.config._attn_implementation == "sdpa"
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_export_is_quiet(base, tmp_path, capfd):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write_graph(load_model(base), tmp_path / "fp32.onnx", normalise=True)
        quantize(tmp_path / "fp32.onnx", tmp_path / "int8.onnx")
    assert capfd.readouterr() == ("", "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fp32.onnx", "int8.onnx"]


class TestInt8:
    def test_smoothing_changes_nothing_before_rounding(self, graph, base, rows, tmp_path):
        texts = rows[0][:30]
        smooth(graph, tmp_path / "smooth.onnx", token_ids(load_tokenizer(base), texts, prefix=""))
        np.testing.assert_allclose(
            vectors_of(tmp_path / "smooth.onnx", base, texts), vectors_of(graph, base, texts), atol=1e-5
        )

    def test_smoothing_brings_int8_nearer(self, graph, base, rows, tmp_path):
        texts = rows[0][:100]
        ids = token_ids(load_tokenizer(base), rows[0][100:200], prefix="")
        quantize(graph, tmp_path / "rough.onnx")
        quantize(graph, tmp_path / "smooth.onnx", rows=ids)
        exact = vectors_of(graph, base, texts)
        distances = {
            name: np.square(vectors_of(tmp_path / f"{name}.onnx", base, texts) - exact).sum(axis=1).mean()
            for name in ("rough", "smooth")
        }
        assert distances["smooth"] < 0.8 * distances["rough"]
        assert distances["smooth"] < 0.01

    def test_is_a_quarter_of_the_size(self, graph, tmp_path):
        quantize(graph, tmp_path / "int8.onnx")
        assert (tmp_path / "int8.onnx").stat().st_size < 0.3 * graph.stat().st_size


class TestChoice:
    """Which precision is kept: by real answers and, where a test needs it, by times it sets."""

    @pytest.fixture
    def choose(self, exported, graph, base, tmp_path, monkeypatch):
        _, _, _, probe = exported
        # The same graph as ever, written once for all these tests.
        monkeypatch.setattr(export, "write_module", lambda module, config, path: shutil.copy(graph, path))
        monkeypatch.setattr(precision_choice, "ROUNDS", 1)
        monkeypatch.setattr(precision_choice, "TIMED_ROWS", 3)

        def run(*, times=None, validation=None, sample=(), precision="auto"):
            if times is not None:
                monkeypatch.setattr(precision_choice, "_measure", lambda *_: times)
            check = None if validation is None else EquivalenceCheck.of_labels(*validation)
            typical = sample_of(base, sample or (validation[0] if validation else []))
            report = export_graph(
                exported_of(base, probe),
                tmp_path,
                check=check,
                sample=typical,
                precision=precision,
                typical=list(sample),
            )
            return report, json.loads((tmp_path / "predictor.json").read_text())

        return run

    @pytest.fixture(scope="class")
    @classmethod
    def many(cls, rows):
        """The rows over and over: enough of them to prove sameness."""
        return rows[0] * 2, np.tile(rows[1], 2)

    def test_proved_equal_and_faster_it_is_kept(self, choose, many):
        report, settings = choose(validation=many, times={"fp32": 2.0, "int8": 1.0})
        assert report.chosen == settings["precision"] == settings["export"]["chosen"] == "int8"
        assert report.equivalence["low"] > -0.005
        assert report.rows == len(many[0])
        assert report.size_bytes["int8"] < report.size_bytes["fp32"]
        assert "2.0 times as fast" in report.why

    def test_not_faster_it_goes(self, choose, many):
        report, settings = choose(validation=many, times={"fp32": 1.0, "int8": 1.1})
        assert report.chosen == settings["precision"] == "fp32"
        assert "not faster" in report.why

    def test_few_rows_prove_nothing_so_int8_is_not_made(self, choose, rows, monkeypatch):
        monkeypatch.setattr(export, "quantize", lambda *_, **__: pytest.fail("INT8 was searched for in vain"))
        report, _ = choose(validation=(rows[0][:50], rows[1][:50]))
        assert report.chosen == "fp32"
        assert (report.rows, report.rows_needed) == (50, 599)
        assert report.why.endswith("there are 50, and 599 are needed")
        assert set(report.size_bytes) == {"fp32"}

    def test_of_a_sorted_file_rows_of_every_label_are_checked(self, monkeypatch):
        monkeypatch.setattr(precision_choice, "MOST_CHECKED_ROWS", 100)
        truth = np.repeat([0, 1], [900, 100])
        check = EquivalenceCheck.of_labels([f"text {number}" for number in range(1_000)], truth)
        assert len(check.items) == 100
        assert check.items[-1] == "text 999"
        assert check.is_correct(SimpleNamespace(best=np.zeros(100))).sum() == 90

    def test_598_rows_are_too_few_even_without_a_flip(self):
        can_prove = {n: EquivalenceCheck.of_labels(["a"] * n, np.zeros(n)).can_prove for n in (597, 598, 599)}
        assert can_prove == {597: False, 598: False, 599: True}
        assert precision_choice.fewest_to_prove_equal() == 599
        assert "given none, and 599" in precision_choice.choose_precision({}, None, "auto", None).why

    @pytest.fixture
    @staticmethod
    def ruined(monkeypatch):
        """Rounding that loses every weight."""

        def ruin(source, path, *, rows):
            quantize(source, path, rows=rows)
            model = onnx.load(path)
            for tensor in model.graph.initializer:
                if tensor.name.endswith("_scales"):
                    tensor.raw_data = np.zeros(tensor.dims, dtype=np.float32).tobytes()
            onnx.save(model, path)

        monkeypatch.setattr(export, "quantize", ruin)

    def test_flipped_answers_are_counted_and_refused(self, choose, many, ruined):
        report, _ = choose(validation=many, times={"fp32": 2.0, "int8": 1.0})
        assert report.chosen == "fp32"
        assert report.flips > 50
        assert report.equivalence["high"] < 0

    def test_it_can_be_asked_for(self, choose, rows):
        report, settings = choose(precision="int8", sample=rows[0])
        assert report.chosen == settings["precision"] == "int8"
        assert report.equivalence is None
        assert report.disagreement <= 0.05

    def test_after_a_refit_it_goes_where_it_answers_otherwise(self, choose, rows, ruined):
        """No label is left to prove it equal on."""
        report, settings = choose(precision="int8", sample=rows[0])
        assert report.chosen == settings["precision"] == "fp32"
        assert report.disagreement > 0.2
        assert f"of {len(rows[0])} typical rows otherwise than fp32" in report.why

    def test_an_unknown_precision_is_refused(self, choose):
        with pytest.raises(SettingsError, match="int4"):
            choose(precision="int4")


class TestHuggingFaceFolder:
    def test_the_readme_rebuilds_the_whole_in_plain_transformers(self, exported, rows, monkeypatch, capsys):
        folder, _, _, _ = exported
        monkeypatch.chdir(folder)
        code = re.search(r"```python\n(.*?)```", (folder / "huggingface" / "README.md").read_text(), re.S)[1]
        names = {}
        exec(code, names)
        expected = load_predictor(folder).predict(names["texts"])
        np.testing.assert_allclose(names["probabilities"], expected.probabilities, atol=1e-4)
        assert capsys.readouterr().out.strip() == str(expected.predicted)

    def test_auto_tokenizer_gives_the_same_ids(self, exported, rows):
        from transformers import AutoTokenizer

        folder = exported[0] / "huggingface"
        theirs = AutoTokenizer.from_pretrained(folder)
        ours = load_tokenizer(resolve_base(str(folder)))
        texts = [*rows[0][:50], "Ünïcode 卡 (full) － width", "word " * 1_000]
        batch = theirs(texts, truncation=True)["input_ids"]
        assert batch == token_ids(ours, texts, prefix="")

    def test_the_folder_can_be_a_base_again(self, exported, base, rows):
        again = resolve_base(str(exported[0] / "huggingface"))
        assert (again.prefix, again.max_length, again.normalise) == (
            base.prefix,
            base.max_length,
            base.normalise,
        )
        np.testing.assert_allclose(
            embed(again, rows[0][:10], cache=False), embed(base, rows[0][:10], cache=False), atol=1e-6
        )

    def test_facts_and_head_stand_beside(self, exported):
        folder, _, _, probe = exported
        facts = json.loads((folder / "huggingface" / "metier_head.json").read_text())
        assert facts["labels"] == ["a", "b", "c", "d"]
        assert facts["temperature"] == probe.temperature
        head = load_file(folder / "huggingface" / "head.safetensors")
        np.testing.assert_allclose(head["weight"], probe.weight, rtol=1e-5)
