import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metier.data import Clusters, exact_duplicates, near_duplicates, read
from metier.text import normalise
from metier.text.duplicates import join_clusters, text_keys


def positions(clusters):
    return [group.tolist() for group in clusters.groups()]


def shingles(text, size=4):
    text = normalise(text)
    return {text[at : at + size] for at in range(max(1, len(text) - size + 1))}


def test_texts_equal_after_normalisation_are_one_cluster():
    clusters = exact_duplicates(
        ["Where is my card?", "other", "where is my card", "WHERE is my  card!", "other."]
    )
    assert positions(clusters) == [[0, 2, 3], [1, 4]]
    assert clusters.n_repeats == 3


def test_near_duplicates_are_found_in_english_and_chinese():
    texts = [
        "I still have not received my new card, I ordered it over a week ago.",
        "something else entirely about exchange rates",
        "I still have not received my new card. I ordered it over a week ago, help",
        "园林绿化施工中的反季节种植技术初探",
        "园林绿化施工中的反季节种植技术",
        "钢铁企业能源管理系统的设计",
    ]
    assert positions(near_duplicates(texts)) == [[0, 2], [3, 4]]


def test_near_duplicates_agree_with_comparing_every_pair(banking):
    """MinHash against the definition, over all pairs of 600 real texts."""
    texts = list(read(banking / "train.csv").texts)[:600]
    pairs = list(itertools.combinations(range(600), 2))
    sets = [shingles(text) for text in texts]
    expected = {(a, b) for a, b in pairs if len(sets[a] & sets[b]) >= 0.8 * len(sets[a] | sets[b])}
    ids = near_duplicates(texts).ids
    found = {(a, b) for a, b in pairs if ids[a] == ids[b]}
    assert len(expected) > 5
    assert len(expected - found) <= 0.01 * len(expected)
    # Texts in one cluster that are not similar are linked by a third.
    linked = {position for pair in expected for position in pair}
    assert all(set(pair) <= linked for pair in found)


def test_the_threshold_is_kept(banking):
    texts = list(read(banking / "train.csv").texts)[:2_000]
    assert near_duplicates(texts, threshold=0.6).n_repeats > near_duplicates(texts, threshold=0.9).n_repeats > 0


def test_many_copies_of_one_template_are_handled():
    texts = [
        f"your order {n:06d} has left our store and will be with you on Monday morning" for n in range(3_000)
    ]
    assert near_duplicates(texts).n_repeats > 2_900


def test_empty_short_and_huge_texts_are_handled():
    texts = ["", " ", "a", "A", "b", "😀", "😡", "word " * 200_000, "word " * 200_000 + "end"]
    clusters = near_duplicates(texts)
    assert positions(clusters)[:2] == [[0, 1], [2, 3]]
    assert [7, 8] in positions(clusters)
    assert len(near_duplicates([]).ids) == 0


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(alphabet="ab c你", max_size=12), max_size=12))
def test_clusters_are_named_after_their_first_member(texts):
    for clusters in (exact_duplicates(texts), near_duplicates(texts)):
        ids = clusters.ids
        assert all(ids[first] == first for first in ids)
        assert all(first <= position for position, first in enumerate(ids))
    keys = text_keys(texts)
    for one, other in itertools.combinations(range(len(texts)), 2):
        assert (keys[one] == keys[other]) == (normalise(texts[one]) == normalise(texts[other]))


def test_joining_follows_both_clusterings():
    first, second = Clusters(np.array([0, 0, 2, 3, 4])), Clusters(np.array([0, 1, 1, 3, 3]))
    assert join_clusters(first, second).ids.tolist() == [0, 0, 0, 3, 3]


@pytest.mark.slow
def test_two_hundred_thousand_texts_take_a_minute_or_so():
    words = np.random.default_rng(0).choice([f"w{n}" for n in range(20_000)], size=(200_000, 12))
    assert near_duplicates([" ".join(row) for row in words]).n_repeats < 10
