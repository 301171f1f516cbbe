import pytest

from metier.features.relation_features import SURROUNDINGS, relation_features, split_at_entities

BOUGHT = {"text": "Last year Acme bought the Bolt works for cash.", "head": [10, 14], "tail": [26, 30]}
CHINESE = {"text": "东方航空AH股临时停牌传将与上航合并", "head": [0, 4], "tail": [14, 16]}


def turned(item):
    return item | {"head": item["tail"], "tail": item["head"]}


def test_words_are_counted_with_their_position():
    features = relation_features(BOUGHT)
    assert {"between >bought the", "between bought", "phrase >bought the", "opens >bought"} <= set(features)
    assert {"first is >acme", "second is >bolt", "both >acme bolt", "last >year", "next >works"} <= set(
        features
    )
    assert {"before >last year", "after >works for", "order >", "far >2"} <= set(features)


def test_the_order_of_entities_changes_the_features():
    there, back = set(relation_features(BOUGHT)), set(relation_features(turned(BOUGHT)))
    assert "between >bought" in there - back
    assert "between <bought" in back - there
    assert "between bought" in there & back


def test_types_are_features_where_they_are_known():
    assert "types ORG None" in relation_features(BOUGHT | {"head_type": "ORG"})
    assert not any("type" in feature for feature in relation_features(BOUGHT))


def test_chinese_gives_words_and_characters():
    features = set(relation_features(CHINESE))
    assert {"first is >东方航空", "between #>停牌", "after #>合并", "first #>东", "second #>上航"} <= features
    assert {"between >临时", "closes >与"} <= features


def test_entities_at_the_ends_of_a_long_text_are_read_by_their_context():
    filler = "so it goes on and on. " * 20_000
    text = f"{filler}Acme was bought {filler}by Bolt in May. {filler}"
    item = {"text": text, "head": [text.index("Acme"), text.index("Acme") + 4]}
    item["tail"] = [text.index("Bolt"), text.index("Bolt") + 4]
    parts = split_at_entities(item)
    assert parts.between.startswith(" was bought so")
    assert parts.between.endswith("on. by ")
    assert len(parts.between) == 2 * SURROUNDINGS + 1
    assert parts.distance > 400_000
    features = relation_features(item)
    assert "between was bought" in features
    assert "next >in" in features
    assert len(features) < 2_000


@pytest.mark.parametrize(
    ("head", "tail"), [([0, 7], [4, 7]), ([4, 7], [0, 7]), ([0, 5], [3, 7])], ids=["in", "around", "across"]
)
def test_entities_may_overlap(head, tail):
    parts = split_at_entities({"text": "The cat sat", "head": head, "tail": tail})
    assert parts.between == ""
    assert parts.after == " sat"
    assert parts.distance == 0


def test_an_empty_text_between_marks_and_nothing_else():
    assert relation_features({"text": "A-B", "head": [0, 1], "tail": [2, 3]})[:2] == ["order >", "far >0"]
