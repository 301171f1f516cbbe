import json

from metier.text.surrogates import replace_surrogates


def test_halves_that_stand_alone_are_replaced_and_whole_characters_stay():
    assert (
        replace_surrogates(json.loads('"half \\ud83d, whole \\ud83d\\ude00, plain é"'))
        == "half \ufffd, whole 😀, plain é"
    )
    assert replace_surrogates("plain") == "plain"
