"""Changed images keep their shape and their label; sides are told from other labels."""

import numpy as np
import pytest

from metier.image.augmentation import NOTHING, Augmentation, sides_in


@pytest.fixture
def pixels():
    """Dark on the left, bright on the right, a red square above on the left."""
    found = np.tile(np.linspace(20, 230, 64).astype(np.uint8)[None, :, None], (64, 1, 3))
    found[4:20, 4:20] = (250, 10, 10)
    return found


def changed(pixels, seed=0, **settings):
    return Augmentation(**settings).changed(pixels, np.random.default_rng(seed))


@pytest.mark.parametrize("setting", [{"crop": 0.5}, {"flip": 1.0}, {"colour": 0.5}, {"rotation": 20.0}])
def test_each_change_is_one_and_leaves_the_shape(pixels, setting):
    found = changed(pixels, **setting)
    assert found.shape == pixels.shape
    assert found.dtype == np.uint8
    assert (found != pixels).mean() > 0.2


def test_nothing_changes_nothing(pixels):
    assert not NOTHING.changes
    assert (NOTHING.changed(pixels, np.random.default_rng(0)) == pixels).all()


def test_a_flip_swaps_left_and_right_and_not_above_and_below(pixels):
    assert (changed(pixels, flip=1.0) == pixels[:, ::-1]).all()


def test_a_crop_cuts_no_more_than_its_share(pixels):
    # A quarter of the area: half of the range of greys is left on a side at least, 3/4 of it squared being 0.56.
    for seed in range(20):
        row = changed(pixels, seed, crop=0.25)[40, :, 1].astype(int)
        assert row[-1] - row[0] >= 0.85 * (230 - 20) - 8


def test_the_same_seed_gives_the_same_image(pixels):
    settings = {"crop": 0.4, "flip": 0.5, "colour": 0.3, "rotation": 10.0}
    assert (changed(pixels, 3, **settings) == changed(pixels, 3, **settings)).all()
    assert (changed(pixels, 3, **settings) != changed(pixels, 4, **settings)).any()


def test_what_turns_in_has_the_colour_of_the_corners():
    white = np.full((64, 64, 3), 255, np.uint8)
    white[20:44, 20:44] = 0
    assert changed(white, rotation=45.0)[0, 0].tolist() == [255, 255, 255]


@pytest.mark.parametrize(
    ("label", "is_sided"),
    [
        ("turn left", True),
        ("Arrow", True),
        ("right_hand", True),
        ("向左", True),
        ("右转", True),
        ("箭头", True),
        ("bright", False),  # Holds the letters of a side and names none.
        ("cleft", False),
        ("Apple", False),
        ("苹果", False),
    ],
)
def test_labels_that_name_a_side(label, is_sided):
    assert sides_in([label, "other"]) == ([label] if is_sided else [])
