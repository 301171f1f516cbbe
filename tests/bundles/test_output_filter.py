"""The filter of what writers write: whole words, Chinese segments, a classifier, streams, and what cannot be filtered."""

import pytest

import metier
from metier.bundles.output_filter import NOTICE, FilteredStreams, OutputFilter, filtered, load_filter
from metier.errors import CallError
from metier.tasks.answer_batches import RecordAnswers
from metier.text.harmful import Blocklist, read_blocklist
from tests.conftest import few_rows, write_records


class Writer:
    """A predictor that writes what it is asked."""

    name, labels = "writer.v1", ()

    def predict(self, items):
        return RecordAnswers(list(items), [{"text": text} for text in items], (self.name,) * len(items))

    def stream(self, item):
        yield from (item[start : start + 3] for start in range(0, len(item), 3))


WORDS = Blocklist(["darn", "heck no", "混蛋", "坏人"])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Darn it", ["Darn"]),
        ("a darning needle", []),
        ("heck  no!", ["heck  no"]),
        ("ｄａｒｎ", ["ｄａｒｎ"]),
        ("你这个混蛋", ["混蛋"]),
        ("破坏人行道", []),  # 坏人 stands across two words.
        ("class", []),
    ],
)
def test_whole_words_and_segments_are_found(text, found):
    assert [text[slice(*place)] for place in WORDS.find(text)] == found


def test_our_lists_have_both_languages_and_no_comment():
    terms = read_blocklist().terms
    assert len(terms) > 600
    assert not any(term.startswith("#") for term in terms)


def test_records_say_why_a_text_is_withheld():
    from metier.bundles.output_filter import Filtered

    found = Filtered(Writer(), OutputFilter(WORDS)).predict(["fine", "darn", "混蛋"])
    assert found.predicted == ["fine", NOTICE["en"], NOTICE["zh"]]
    assert [record["withheld"] for record in found.records] == [None, "word: darn", "word: 混蛋"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("All is well. It is.", "All is well. It is."),
        ("All is well. Oh darn. More.", "All is well. " + NOTICE["en"]),
        ("好的。你这个混蛋", "好的。" + NOTICE["zh"]),
    ],
)
def test_a_stream_gives_no_sentence_before_it_has_passed(text, shown):
    assert "".join(FilteredStreams(Writer(), OutputFilter(WORDS)).stream(text)) == shown


def test_a_classifier_withholds_too_and_a_model_of_labels_is_not_filtered(tmp_path):
    write_records(tmp_path / "rows.csv", few_rows("banking77", "train", ("age_limit", "exchange_rate"), 30))
    metier.train(
        tmp_path / "rows.csv",
        text="message",
        label="intent",
        candidates=["tfidf_linear"],
        budget=2,
        run=tmp_path / "run",
    )
    judge = load_filter(words=[], classifier=tmp_path / "run", labels=["age_limit"])
    assert judge.reasons(["What is the exchange rate?", "How old must my child be for an account?", ""]) == [
        None,
        "label: age_limit",
        None,
    ]
    with pytest.raises(CallError, match="nothing to filter"):
        filtered(metier.load(tmp_path / "run"), judge)
    with pytest.raises(CallError, match="Did you mean 'age_limit'"):
        load_filter(classifier=tmp_path / "run", labels=["age_limits"])
    with pytest.raises(CallError, match="go together"):
        load_filter(labels=["age_limit"])


def test_a_list_without_a_term_is_refused(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("# none\n", encoding="utf-8")
    with pytest.raises(CallError, match="has no term"):
        read_blocklist([path])
    with pytest.raises(CallError, match="There is no list of words"):
        read_blocklist([tmp_path / "none.txt"])
