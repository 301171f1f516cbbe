"""Pictures that were scaled, saved again or retouched are alike; other pictures of the same kind are not."""

from pathlib import Path

import pytest
from PIL import Image, ImageEnhance

from metier.image.likeness import equal_pictures, look_at, near_duplicate_pictures

PHOTOS = Path(__file__).parents[2] / "examples" / "groceries" / "images"
ICONS = Path(__file__).parents[2] / "examples" / "health_icons"


@pytest.fixture(scope="module")
def photos():
    return sorted(PHOTOS.glob("*.jpg"))[::8]


def test_a_changed_copy_is_found_and_no_two_photographs_are_alike(photos, tmp_path):
    looks = [look_at(path) for path in photos]
    assert near_duplicate_pictures(looks).n_repeats == 0
    for position, path in enumerate(photos):
        image = Image.open(path)
        smaller = image.resize((image.width * 2 // 3, image.height * 2 // 3))
        ImageEnhance.Brightness(smaller).enhance(1.02).save(tmp_path / path.name, quality=60)
        looks.append(look_at(tmp_path / path.name))
        found = near_duplicate_pictures([*looks[: len(photos)], looks[-1]])
        assert found.ids[-1] == position, path.name
    assert equal_pictures(looks).n_repeats == 0


def test_drawings_on_white_are_told_apart():
    looks = [look_at(path) for path in sorted(ICONS.glob("*/*.png"))]
    assert near_duplicate_pictures(looks).n_repeats == 0
    assert not any(look.is_blank for look in looks)


def test_a_file_that_changes_is_looked_at_again(tmp_path):
    path = tmp_path / "one.png"
    Image.new("RGB", (40, 30), "white").save(path)
    first = look_at(path)
    assert (first.width, first.height, first.is_blank) == (40, 30, True)
    Image.effect_noise((50, 30), 80).save(path)
    assert (look_at(path).width, look_at(path).is_blank) == (50, False)
