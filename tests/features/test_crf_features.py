"""Features of tokens for a CRF."""

from metier.features.crf_features import CrfFeatures, shape
from metier.features.gazetteer import Gazetteer


def features(text, **options):
    given = {name: Gazetteer(phrases) for name, phrases in options.pop("gazetteers", {}).items()}
    offsets, rows = CrfFeatures(given.get("learned", Gazetteer({})), given.get("given", Gazetteer({}))).of_text(
        text, **options
    )
    return [text[start:end] for start, end in offsets], [set(row) for row in rows]


def test_shapes():
    assert [shape(word) for word in ("McDonald", "3beta", "IL-2", "台北", "x" * 40)] == [
        "XxXxxxxx",
        "dxxxx",
        "XX-d",
        "cc",
        "x" * 10,
    ]


def test_a_word_its_affixes_and_its_neighbours():
    words, rows = features("Inherited breast cancer.")
    breast = rows[words.index("breast")]
    assert {"w=breast", "s=xxxxxx", "r=x", "p=bre", "x=east", "w-1=inherited", "w+1=cancer", "w+2=."} <= breast
    assert {"w-2=^", "w-1w=inherited|breast"} <= breast
    assert not any(feature.startswith("W=") for feature in breast)
    assert {"first", "W=Inherited"} <= rows[0]
    assert {"last", "glued to x"} <= rows[-1]


def test_known_phrases_give_label_and_position():
    gazetteers = {"learned": {"breast cancer": "Disease"}, "given": {"cancer": "Sign"}}
    _, rows = features("breast cancer", gazetteers=gazetteers)
    assert "g=Disease:B" in rows[0]
    assert {"g=Disease:E", "G=Sign:S"} <= rows[1]
    _, rows = features("breast cancer", gazetteers=gazetteers, left_out=frozenset({"breast cancer"}))
    assert not any(feature.startswith("g=") for row in rows for feature in row)
    assert "G=Sign:S" in rows[1]


def test_the_end_of_a_sentence_is_a_feature():
    words, rows = features("It rained. Paris was wet")
    assert "after an end" in rows[words.index("Paris")]
    assert "after an end" not in rows[words.index("was")]


def test_a_lone_surrogate_can_be_encoded():
    _, rows = features("a \ud83d b")
    assert all(feature.encode() for row in rows for feature in row)
