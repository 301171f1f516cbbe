"""What the frozen layers of two towers give is kept, and training sees the same; where none is frozen, nothing is kept."""

from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
import torch

from metier.bases.adaptation import parse_adaptation
from metier.bases.adaptation.adaptation import load_adaptation
from metier.bases.huggingface_folder import load_model
from metier.bases.image_base import image_base
from metier.bases.image_network import load_image_network
from metier.bases.known_base import known_base
from metier.image.augmentation import Augmentation
from metier.image.picture import Picture
from metier.multimodal.joint_maps import JointMapRows
from metier.multimodal.joint_rows import JointRows
from metier.multimodal.two_towers import TowersInTraining, TwoTowers
from metier.progress import ignore

pytest.importorskip("PIL", reason="needs metier[image]")
pytestmark = pytest.mark.skipif(known_base("efficientnet-lite0").source is None, reason="needs metier[image]")
ICONS = Path(__file__).parents[2] / "examples" / "titled_icons" / "images"


@pytest.fixture(scope="module")
def model(small_base):
    from metier.bases.known_bases import resolve_base

    base = resolve_base(str(small_base), language="en")
    encoder = TwoTowers(load_model(base), load_image_network(image_base("auto")))
    return TowersInTraining(encoder, normalise=True).eval()


@pytest.fixture(scope="module")
def rows(model):
    pictures = [Picture.of_file(path) for path in sorted(ICONS.glob("devices*"))[:2]]
    return JointRows(
        [[101, 2070, 102], [101, 2047, 3793, 102], [101, 2070, 102], [101, 102]],
        [pictures[0], pictures[1], pictures[0], None],
        np.array([True, True, True, False]),
        None,
        model.pad_id,
        model.encoder.image.preparation,
        views=2,
    )


def vectors(model, rows, positions):
    batch = rows.batch(np.array(positions))
    with torch.inference_mode():
        return model.texts(batch).numpy(), model.images(batch).numpy()


@pytest.mark.parametrize("augmentation", [Augmentation(), Augmentation(crop=0.3)])
def test_kept_states_give_what_computed_ones_give(model, rows, augmentation):
    from dataclasses import replace

    rows = replace(rows, augmentation=augmentation, image_views=2)
    expected = vectors(model, rows, [0, 1, 2, 3, 5])
    with ExitStack() as stack:
        top = load_adaptation(parse_adaptation("top:1"))
        (kept,), cache = stack.enter_context(model.kept_states([rows], top, listener=ignore))
        stack.enter_context(cache)
        assert isinstance(kept, JointMapRows)
        # Equal images are kept once, those that are changed once a version.
        assert len(kept.maps) == (6 if augmentation.changes else 2)
        found = vectors(model, kept, [0, 1, 2, 3, 5])
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-2 * np.abs(other).max())
    assert not found[1][3].any()
    assert not model.encoder.text.training


def test_where_every_layer_trains_nothing_is_kept(model, rows):
    low_rank = load_adaptation(parse_adaptation("lora:4"))
    with model.kept_states([rows], low_rank, listener=ignore) as (kept, _):
        assert kept == [rows]
