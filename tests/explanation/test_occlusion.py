"""The map is warm where the answer comes from, whoever answers."""

import io

import numpy as np
import pytest

Image = pytest.importorskip("PIL.Image", reason="needs metier[image]")
from metier.explanation.occlusion import SIDE, heat_picture, occlusion_map  # noqa: E402
from metier.image import Picture  # noqa: E402


def picture_with_a_spot():
    pixels = np.full((SIDE, SIDE), 40, np.uint8)
    pixels[150:190, 30:70] = 255
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return Picture(stream.getvalue(), "spot")


def share_of_white(files):
    pixels = [np.asarray(Image.open(io.BytesIO(file)).convert("L")) for file in files]
    return np.array([(one > 200).mean() for one in pixels]) / 0.032


def test_the_spot_that_the_answer_comes_from_is_warmest():
    heat = occlusion_map(picture_with_a_spot(), share_of_white)
    assert heat.shape == (SIDE, SIDE)
    top, left = np.unravel_index(heat.argmax(), heat.shape)
    assert 140 <= top < 200
    assert 20 <= left < 80
    np.testing.assert_allclose(heat[:90, 120:], 0, atol=1e-9)


def test_an_answer_that_comes_from_nowhere_leaves_the_map_cold():
    heat = occlusion_map(picture_with_a_spot(), lambda files: np.full(len(files), 0.7))
    np.testing.assert_allclose(heat, 0, atol=1e-12)


def test_what_hides_an_answer_is_below_zero():
    heat = occlusion_map(picture_with_a_spot(), lambda files: 1 - share_of_white(files))
    assert heat.min() < -0.2
    assert heat.max() < 0.05


def test_the_picture_is_red_where_it_is_warm_and_as_it_was_elsewhere():
    picture = picture_with_a_spot()
    shown = np.asarray(Image.open(io.BytesIO(heat_picture(picture, occlusion_map(picture, share_of_white)))))
    red = shown[..., 0].astype(int) - shown[..., 2]
    assert red[170, 50] > 80
    assert shown[20, 200].tolist() == [40, 40, 40]
