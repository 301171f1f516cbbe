"""A real base made small, and real rows, few: what the tests of this room train on."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

BANKING = Path(__file__).parents[2] / "examples" / "banking77" / "train.csv"


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Small products gain nothing from a second thread and lose much where the cores are busy."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory) -> Path:
    """MiniLM cut to its two lowest layers: real words, real weights, a third of the work."""
    from metier.transformer.bases import load_model, resolve_base

    base = resolve_base("minilm")
    model = load_model(base)
    model.encoder.layer = model.encoder.layer[:2]
    model.config.num_hidden_layers = 2
    folder = tmp_path_factory.mktemp("tiny-base")
    model.save_pretrained(folder)
    for file in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(base.folder / file, folder / file)
    return folder


@pytest.fixture(scope="session")
def queries():
    """Texts and labels of banking77, six labels of forty rows each, shuffled."""
    with BANKING.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    wanted = sorted({row["label"] for row in rows})[:6]
    picked = [row for label in wanted for row in [row for row in rows if row["label"] == label][:40]]
    order = np.random.default_rng(0).permutation(len(picked))
    return [picked[i]["text"] for i in order], [picked[i]["label"] for i in order]
