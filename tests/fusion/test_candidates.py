"""What an ensemble is made of, by cost alone."""

from metier.fusion.candidates import members_for_average, stages_for_cascade
from metier.runs.run_folder import Entry


def entry(name, ms, seconds=1.0, members=()):
    return Entry(name, train_seconds=seconds, cost={"latency_ms": {"mean": ms}}, members=list(members))


LINEAR, STATIC = entry("tfidf_linear.v1", 0.1), entry("static.v1", 0.1)
FROZEN, ENCODER = entry("frozen_linear.v1", 2.1, seconds=20), entry("encoder.v1", 2.0, seconds=200)


def test_an_average_takes_the_cheap_ones_and_the_expensive_one_that_was_trained_longest():
    names = members_for_average([LINEAR, STATIC, FROZEN, ENCODER])
    assert names == ["tfidf_linear.v1", "static.v1", "encoder.v1"]
    assert members_for_average([LINEAR, FROZEN]) == ["tfidf_linear.v1", "frozen_linear.v1"]


def test_members_that_all_cost_the_same_are_all_taken():
    assert members_for_average([FROZEN, ENCODER]) == ["frozen_linear.v1", "encoder.v1"]
    assert members_for_average([LINEAR]) == ["tfidf_linear.v1"]
    assert members_for_average([]) == []


def test_the_cascade_puts_the_first_cheap_one_before_the_average():
    average = entry("average.v1", 2.2, members=["tfidf_linear.v1", "static.v1", "encoder.v1"])
    stages = stages_for_cascade([LINEAR, STATIC, FROZEN, ENCODER, average])
    assert stages == ("tfidf_linear.v1", "average.v1")
    assert stages_for_cascade([FROZEN, ENCODER]) is None
