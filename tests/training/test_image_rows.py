"""Rows of pixels: views that the epochs take in turn, maps that are kept, and what a checkpoint knows them by."""

from pathlib import Path

import numpy as np
import pytest
import torch

from metier.bases.image_base import image_base
from metier.bases.image_network import load_image_network
from metier.bases.known_base import known_base
from metier.image.augmentation import Augmentation
from metier.image.picture import Picture
from metier.image.preparation import Preparation
from metier.training.frozen_layer_cache import LIMIT
from metier.training.heads.image_model import ImageModel
from metier.training.image_rows import ImageRows
from metier.training.map_cache import kept_maps

PHOTOS = sorted((Path(__file__).parents[2] / "examples" / "groceries" / "images").iterdir())[:5]
SMALL = Preparation(32, 32)
needs_weights = pytest.mark.skipif(
    known_base("efficientnet-lite0").source is None, reason="needs metier[image]"
)


@pytest.fixture
def rows():
    pictures = [Picture.of_file(path) for path in PHOTOS]
    augmentation = Augmentation(crop=0.3, flip=0.5, colour=0.2)
    return ImageRows(pictures, np.arange(5), SMALL, augmentation=augmentation, views=3, random_state=7)


def test_epochs_take_the_views_in_turn_and_read_every_row_once(rows):
    read = [rows.read_in(epoch, random_state=0) for epoch in range(4)]
    assert [sorted(positions % 5) for positions in read] == [[0, 1, 2, 3, 4]] * 4
    assert (read[0] == read[3]).all()
    assert len(set(np.concatenate(read[:3]).tolist())) == len(rows.lengths) == 15


def test_views_differ_their_labels_do_not_and_the_seed_says_what_each_is(rows):
    one, other = rows.batch(np.arange(5)), rows.batch(np.arange(5, 10))
    assert (one.labels == other.labels).all()
    assert all((first != second).any() for first, second in zip(one.pixels, other.pixels, strict=True))
    assert (rows.batch(np.array([7])).pixels == other.pixels[2:3]).all()


def test_a_digest_changes_with_an_image_and_with_a_target(rows):
    digest = list(rows.contents())
    assert digest != list(ImageRows(rows.pictures[::-1], rows.truth, SMALL).contents())
    assert digest != list(ImageRows(rows.pictures, rows.truth[::-1].copy(), SMALL).contents())


@needs_weights
def test_kept_maps_give_the_logits_of_the_whole_network_and_are_gone_afterwards(rows, tmp_path, monkeypatch):
    monkeypatch.setenv("METIER_CACHE", str(tmp_path))
    network = load_image_network(image_base("auto"))
    model = ImageModel(network, np.random.default_rng(0).normal(size=(3, 1280)) / 30, np.zeros(3)).eval()
    few = ImageRows(rows.pictures[:2], np.arange(2), network.preparation)
    with kept_maps(model, [few], 12) as kept:
        assert kept is not None
        assert kept[0].batch(np.arange(2)).maps.shape == (2, 192, 7, 7)
        np.testing.assert_allclose(model.logits(kept[0]), model.logits(few), atol=2e-2)
        assert list((tmp_path / "image-maps").rglob("*.npy"))
    assert not list((tmp_path / "image-maps").rglob("*"))
    monkeypatch.setenv(LIMIT, "0.00001")
    with kept_maps(model, [few], 12) as kept:
        assert kept is None


def test_batch_norms_keep_the_statistics_of_the_base(tiny_vision):
    network = load_image_network(image_base(str(tiny_vision("resnet"))))
    model = ImageModel(network, np.zeros((2, network.dimensions)), np.zeros(2)).train()
    before = {name: buffer.clone() for name, buffer in model.named_buffers() if "running" in name}
    assert before
    pictures = [Picture.of_file(path) for path in PHOTOS]
    model(ImageRows(pictures, None, network.preparation).batch(np.arange(5)))
    assert model.training
    assert all(torch.equal(buffer, before[name]) for name, buffer in model.named_buffers() if name in before)
