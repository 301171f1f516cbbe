"""Every further reason raises the need, and the reasons are the ones that hold."""

import itertools

import numpy as np
import pytest

from metier.applications.annotation.need import need_of, unreadable
from metier.applications.annotation.range_of_training import TrainingRange
from metier.image.likeness import Look


def test_what_is_sure_needs_nobody():
    need = need_of(0.97, least=0.9)
    assert (need.needs_reader, need.reasons, need.score) == (False, (), pytest.approx(0.03))


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ({"others": (False, 0.4)}, "models disagree"),
        ({"has_text": True}, "text in the pixels"),
        ({"is_unlike": True}, "unlike the training images"),
        ({"is_check": True}, "random check"),
    ],
)
def test_each_reason_asks_for_a_reader(what, reason):
    need = need_of(0.97, least=0.9, **what)
    assert need.reasons == (reason,)
    assert need_of(0.5, least=0.9, **what).reasons == ("not confident", reason)


def test_each_reason_raises_the_need_and_the_unreadable_comes_first():
    for probability, distance in itertools.product((0.3, 0.8, 1.0), (0.0, 0.3)):
        one = need_of(probability, least=0.9, others=(True, distance)).score
        for more in ({"has_text": True}, {"is_unlike": True}):
            assert one < need_of(probability, least=0.9, others=(True, distance), **more).score < 1
    assert need_of(0.6, least=0.9).score < need_of(0.4, least=0.9).score
    assert unreadable().score == 1


def look(greys):
    return Look(16, 16, b"\0" * 16, greys.astype(np.uint8).tobytes(), str(greys.sum()))


def test_what_no_training_image_looks_like_is_outside():
    random = np.random.default_rng(0)
    base = random.integers(60, 190, 256)
    training = TrainingRange([look(base + random.integers(-8, 9, 256)) for _ in range(60)])
    inside = [look(base + random.integers(-8, 9, 256)) for _ in range(50)]
    assert training.is_outside(inside).mean() < 0.1
    assert training.is_outside([look(255 - base), look(np.zeros(256))]).all()
    assert training.is_outside([]).shape == (0,)
    with pytest.raises(ValueError, match="at least 20"):
        TrainingRange(inside[:5])
