import pytest

from metier.tasks.inputs import MARKED_TEXT, check_items

STORM = {"text": "The storm caused the flood.", "head": [4, 9], "tail": [21, 26]}


def test_entities_where_their_offsets_say_are_asked_about():
    assert check_items([STORM, STORM | {"head_type": "EVENT"}], MARKED_TEXT) == [
        STORM,
        STORM | {"head_type": "EVENT"},
    ]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"head": [4, 99]}, r"head \[4, 99\] does not lie in its text of 27 characters"),
        ({"tail": [20, 26]}, "includes white space"),
        ({"tail": [4, 9]}, "the same piece"),
    ],
)
def test_an_entity_that_is_not_there_is_the_callers_fault(change, said):
    with pytest.raises(TypeError, match=rf"At position 1: .*{said}.*the end is one past the last"):
        check_items([STORM, STORM | change], MARKED_TEXT)


def test_the_shape_is_looked_at_before_the_place():
    assert "should be [start, end]" in str(MARKED_TEXT.fault(STORM | {"head": "storm"}))
