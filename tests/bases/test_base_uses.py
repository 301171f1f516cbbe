"""Which bases are for reading and which for writing, by their names and folders alone."""

import pytest

from metier.bases.known_bases import is_for_reading, is_for_writing, suits


@pytest.mark.parametrize(
    ("name", "reads", "writes"),
    [
        ("auto", True, True),
        ("minilm", True, False),
        ("e5-multilingual", True, False),
        ("smollm2", False, True),
        # Not here to be looked at: nobody can know.
        ("owner/model", True, True),
        ("/not/there", True, True),
    ],
)
def test_by_name(name, reads, writes):
    assert (is_for_reading(name), is_for_writing(name)) == (reads, writes)


def test_by_folder(tiny_base, tiny_writers, tmp_path):
    texts = ["where is my card", "I want a refund"]
    llama, t5 = (
        str(make(tmp_path / make.__name__, texts)) for make in (tiny_writers.make_llama, tiny_writers.make_t5)
    )
    assert not is_for_writing(str(tiny_base))
    assert is_for_reading(str(tiny_base))
    # The states of a causal model can be pooled; of two halves, one cannot be left out.
    assert is_for_writing(llama)
    assert is_for_reading(llama)
    assert is_for_writing(t5)
    assert not is_for_reading(t5)


def test_a_vision_folder_sees_and_does_not_read(tiny_vision, tiny_base):
    folder = str(tiny_vision("vit"))
    assert [suits(folder, does) for does in ("reads", "sees")] == [False, True]
    assert [suits(str(tiny_base), does) for does in ("reads", "sees")] == [True, False]
