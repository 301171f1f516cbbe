import json

from metier.text.normalisation import replace_surrogates


def test_lone_surrogates_are_replaced_and_characters_kept():
    assert (
        replace_surrogates(json.loads('"half \\ud83d, whole \\ud83d\\ude00, plain é"'))
        == "half \ufffd, whole 😀, plain é"
    )
    assert replace_surrogates("plain") == "plain"
