"""`metier explain` on a model of texts: words, JSON, page, and what cannot be explained."""

import json
from pathlib import Path

import pytest

import metier
from metier.bundles.loading import load_bundle
from metier.cli.explain import shaded
from metier.cli.program import run as run_command

ENCODER = Path(__file__).parents[1] / "bundles" / "sealed_71959d8" / "trained_classification"
BANKING = Path(__file__).parents[2] / "examples" / "banking77" / "train.csv"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    rows = metier.read(BANKING)
    kept = {"card_arrival": "card", "exchange_rate": "rate"}
    some = [
        {"text": text, "label": kept[label]}
        for text, label in zip(rows.texts, rows.labels, strict=True)
        if label in kept
    ]
    folder = tmp_path_factory.mktemp("runs") / "small"
    metier.train(some, budget="60s", candidates=["tfidf_linear"], run=str(folder))
    return folder


@pytest.fixture
def call(capsys):
    """Run the command, and give its exit code and what it printed."""

    def called(*words):
        code = run_command(["explain", *map(str, words)])
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return called


def test_words_are_printed_as_a_table_as_json_and_as_a_page(call, run, tmp_path):
    code, shown = call(run, "where is my card")
    assert code == 0
    assert shown.startswith("tfidf_linear.v1: card (")
    assert shown.splitlines()[1] == "Part of the log-odds"
    assert shown.splitlines()[2].split()[1] == "card"  # The word that adds most.
    facts = json.loads(call(run, "where is my card", "--json", "--label", "rate")[1])
    assert facts["label"] == "rate"
    assert min(facts["words"], key=lambda word: word["contribution"])["text"] == "card"
    page = tmp_path / "why.html"
    assert call(run, "where is my card", "--out", page, "--lang", "zh")[0] == 0
    assert "这个答案的依据" in page.read_text("utf-8")
    assert load_bundle(run).predict(["where is my card"]).predicted == ["card"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["card", "--label", "crad"], "no label called 'crad'. Did you mean 'card'?"),
        (["card", "--image", "a.jpg"], "is asked texts alone. Leave --image out"),
        (["card", "--overwrite"], "--overwrite is for the file of --out"),
    ],
)
def test_wrong_calls_say_what_to_do(call, run, words, said):
    code, shown = call(run, *words)
    assert code != 0
    assert said in " ".join(shown.split())


def test_a_map_is_drawn_with_signs_of_a_terminal():
    assert shaded([[0.0, 1.0], [-1.0, 0.5]]) == ["  ██", "  ▒▒"]


def test_gradients_and_attention_of_a_sealed_encoder_are_printed_and_drawn(call, tmp_path):
    pytest.importorskip("torch", reason="needs metier[train]")
    text, page = "my card never came 我的卡丢了", tmp_path / "why.html"
    code, shown = call(ENCODER, text, "--method", "integrated_gradients", "--out", page)
    assert code == 0
    assert "the parts miss" in shown
    drawn = page.read_text("utf-8")
    assert "mean gradient along the way from a text of masks" in drawn
    assert "Part of the log-odds" in drawn
    code, shown = call(
        ENCODER, text, "--method", "attention_rollout", "--out", page, "--overwrite", "--lang", "zh"
    )
    assert code == 0
    assert "不说明答案为什么是这样" in shown
    assert "注意力份额" in page.read_text("utf-8")
    code, shown = call(ENCODER, text, "--method", "gradient_x_input", "--json")
    assert {word["text"] for word in json.loads(shown)["words"]} >= {"card", "我", "卡"}


def test_gradients_of_a_linear_model_are_refused_with_what_to_use(call, run):
    code, shown = call(run, "card", "--method", "integrated_gradients")
    assert code != 0
    assert "Use the method shapley or leave_one_out" in " ".join(shown.split())
