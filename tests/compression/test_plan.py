"""Which chains are tried for a bundle, and when the search ends."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs metier[train]")

from metier.compression.importance import Importance
from metier.compression.layers import spread_layers
from metier.compression.narrowing import best_heads, best_neurons
from metier.compression.plan import MOST_POINTS, planned
from metier.compression.points import Point
from metier.compression.search import Target, search
from metier.compression.stopwatch import Timing
from metier.predictors.linear.stored_weights import packed, unpacked
from tests.compression.conftest import SEALED


def test_the_cheapest_chains_come_first():
    chains = planned(SEALED / "onnx_encoder.v1", "latency_ms")
    assert chains[0] == ("int8",)
    assert ("vocabulary", "int8") in chains
    assert len(chains) <= MOST_POINTS
    assert planned(SEALED / "linear.v1", None) == [("sparse",)]
    assert ("vocabulary",) not in planned(SEALED / "onnx_relation.v1", "size_mb")


class Shop:
    """Points of known speed in the place of a workshop."""

    def __init__(self, times):
        self.times, self.made = times, []

    def make(self, chain):
        self.made.append(chain)
        before, after = 4.0, self.times[chain[0]]
        refused = "" if after else "it came to nothing"
        return Point(chain, 10, None, Timing(before, after or 9.0, -1, -1, 5, 2), refused=refused)


def test_the_search_ends_at_the_first_that_reaches_the_target():
    shop = Shop({"a": 3.0, "b": None, "c": 1.0, "d": 0.5})
    found = search(shop, [("a",), ("b",), ("c",), ("d",)], Target("latency_ms", 2.0), seconds=60)
    assert found.chosen.chain == ("c",)
    assert shop.made == [("a",), ("b",), ("c",)]


def test_without_a_target_the_fastest_that_passed_is_chosen():
    found = search(Shop({"a": 3.0, "b": 2.0}), [("a",), ("b",)], None, seconds=60)
    assert found.chosen.chain == ("b",)
    none = search(Shop({"a": None}), [("a",)], None, seconds=60)
    assert none.chosen is None
    assert none.nearest is None


def test_what_there_is_no_time_for_is_named():
    found = search(Shop({"a": 3.0, "b": 2.0}), [("a",), ("b",)], Target("latency_ms", 0.1), seconds=-1)
    assert found.left_out == (("b",),)
    assert found.chosen is None
    assert found.nearest.chain == ("a",)


def test_the_most_important_heads_stay_and_one_in_each_layer():
    found = Importance(
        [np.array([9.0, 8.0, 1.0]), np.array([0.1, 0.2, 0.1])], [np.arange(64.0), np.arange(64.0)[::-1]]
    )
    heads = best_heads(found, 0.5)
    assert sum(map(len, heads)) == 3
    assert 1 in heads[1]
    assert [len(one) for one in best_neurons(found, 0.5)] == [32, 32]
    assert best_neurons(found, 0.5)[0] == list(range(32, 64))


def test_layers_are_spread_from_the_lowest_to_the_highest():
    assert spread_layers(6, 3) == [0, 2, 5]
    assert spread_layers(12, 1) == [0]


@pytest.mark.parametrize("density", [0.05, 0.9])
def test_packed_weights_come_back(density):
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(50, 7)).astype(np.float32)
    kept = rng.random(weights.shape) < density
    found = unpacked(packed(weights, kept))
    assert not found[~kept].any()
    np.testing.assert_allclose(found[kept], weights[kept], atol=np.abs(weights).max() / 127)
    assert unpacked({"weights": weights}) is weights
