"""Out-of-fold answers: by models that did not see the row, kept whole or not at all, in the time that there is."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator

from metier.classical import TfidfLinear
from metier.data import read
from metier.progress import ignore
from metier.report.words import Words
from metier.runs.run_folder import Entry, RunFolder
from metier.selection.execution.out_of_fold import ENOUGH_ROWS, SPLIT, OutOfFold, answers_of
from metier.tasks import Classification

LABELS = ("known", "new")
TASK = Classification(LABELS, "accuracy")


def rows_of(n_rows, start=0, **roles):
    made = [
        {
            "text": f"word{start + row} item{7 * (start + row)} thing{13 * (start + row)}",
            "label": LABELS[row % 2],
            "day": row,
        }
        for row in range(n_rows)
    ]
    return read(made, text="text", label="label", **roles)


class Remembers(BaseEstimator):
    """Says of a text whether it learned from it."""

    name = "remembers.v1"

    def __init__(self, C=1.0, checkpoint_folder=None):
        self.C = C
        self.checkpoint_folder = checkpoint_folder

    def fit(self, X, y, *, validation=None, listener=ignore):
        self.seen_, self.classes_ = set(X), np.array(LABELS)
        FITS.append((self.C, self.checkpoint_folder, frozenset(X), validation))
        return self

    def predict_proba(self, X):
        return np.array([[1.0, 0.0] if text in self.seen_ else [0.0, 1.0] for text in X])

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


FITS: list = []


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "answers").mkdir()
    FITS.clear()
    return RunFolder(tmp_path)


def over(folder, train, validation):
    return OutOfFold(folder, TASK, train, validation, "fp32", 0, ignore)


def forever():
    return 1e9


def test_no_row_is_answered_by_a_model_that_saw_it(folder):
    train, validation = rows_of(40), rows_of(10, start=40)
    one = over(folder, train, validation)
    one.answer(Entry("remembers.v1"), Remembers(), settled=False, left=forever)
    assert one.is_answered_by("remembers.v1")
    kept = folder.answers("remembers.v1", SPLIT)
    assert kept.predicted == ["new"] * 40
    assert kept.probabilities.shape == (40, 2)
    assert sorted(one.rows.texts) == sorted(train.texts)
    for _, _, seen, given in FITS:
        assert set(validation.texts) <= seen
        assert given is None
        assert len(seen) == 40


def test_choices_are_made_again_or_kept_as_they_were(folder):
    one = over(folder, rows_of(20), rows_of(4, start=20))
    entry = Entry("remembers.v1", params={"C": 9.0})
    one.answer(entry, Remembers(checkpoint_folder="there"), settled=True, left=forever)
    assert {(C, place) for C, place, *_ in FITS} == {(9.0, None)}
    FITS.clear()
    folder.path.joinpath("answers", f"remembers.v1.{SPLIT}.jsonl").unlink()
    one.answer(entry, Remembers(), settled=False, left=forever)
    assert {C for C, *_ in FITS} == {1.0}


def test_the_validation_rows_are_later_than_rows_with_a_time_and_not_learned_from(folder):
    train, validation = rows_of(40, time="day"), rows_of(10, start=40, time="day")
    one = over(folder, train, validation)
    one.answer(Entry("remembers.v1"), Remembers(), settled=False, left=forever)
    assert len(folder.answers("remembers.v1", SPLIT).predicted) == 20
    assert all(not seen & set(validation.texts) for _, _, seen, _ in FITS)


@pytest.mark.parametrize("left", [-1.0, 5.0])
def test_nothing_is_kept_where_the_time_is_too_short(folder, left):
    """5 s are enough for the first fold as it was foretold, but it used up what there was."""
    one, times = over(folder, rows_of(20), rows_of(4, start=20)), iter([left])
    one.answer(
        Entry("remembers.v1", train_seconds=1.0), Remembers(), settled=False, left=lambda: next(times, -1.0)
    )
    assert not one.is_answered_by("remembers.v1")
    assert len(FITS) == (1 if left > 0 else 0)
    assert "no out-of-fold answers" in (folder.path / "train.log").read_text()


def test_answers_count_beside_the_fits(folder):
    """What writes takes seconds for every row."""
    one = over(folder, rows_of(20), rows_of(4, start=20))
    entry = Entry("remembers.v1", train_seconds=0.1)
    one.answer(entry, Remembers(), settled=False, left=lambda: 30.0, seconds_per_answer=2.0)
    assert FITS == []
    one.answer(entry, Remembers(), settled=False, left=lambda: 50.0, seconds_per_answer=2.0)
    assert one.is_answered_by("remembers.v1")


class Fails(Remembers):
    """Learns nothing."""

    def fit(self, X, y, **options):
        raise RuntimeError("no luck")


def test_a_method_that_fails_on_a_fold_is_left_with_its_validation_answers(folder):
    one = over(folder, rows_of(20), rows_of(4, start=20))
    one.answer(Entry("fails.v1"), Fails(), settled=False, left=forever)
    assert not one.is_answered_by("fails.v1")
    assert "no luck" in (folder.path / "train.log").read_text()


@pytest.mark.parametrize(
    ("n_alone", "says"), [(0, "no training row can be answered"), (3, "remembers.v1 has no")]
)
def test_one_group_of_most_rows_is_said(folder, n_alone, says):
    """All rows in one group leave no fold; a few others are too few to learn from."""
    groups = [0] * (40 - n_alone) + list(range(1, n_alone + 1))
    rows = [
        {"text": f"word{row} item{7 * row}", "label": LABELS[row % 2], "customer": str(group)}
        for row, group in enumerate(groups)
    ]
    answers = over(folder, read(rows, text="text", label="label", group="customer"), rows_of(10, start=40))
    answers.answer(Entry("remembers.v1"), Fails(), settled=False, left=forever)
    assert len(answers.notes) == 1
    assert answers.notes[0].startswith(says)
    assert f"{40 - n_alone} of 40 training rows are of one group by the column 'customer'" in answers.notes[0]
    assert "条训练样本中有 " in Words("zh").told(answers.notes[0])


def test_enough_validation_rows_need_no_others(folder):
    one = over(folder, rows_of(20), rows_of(ENOUGH_ROWS, start=20))
    one.answer(Entry("remembers.v1"), Remembers(), settled=False, left=forever)
    assert one.folds == []
    assert not one.is_answered_by("remembers.v1")
    assert FITS == []


def test_what_was_trained_on_a_part_of_the_rows_is_not_compared_by_folds_of_all(folder):
    one = over(folder, rows_of(20), rows_of(4, start=20))
    one.answer(Entry("remembers.v1", fraction=0.4), Remembers(), settled=False, left=forever)
    assert FITS == []


def test_probabilities_have_the_columns_of_the_task():
    """A fold can lack a label that the task knows."""
    task = Classification(("a", "b", "c"), "accuracy")
    method = TfidfLinear(C=1.0, temperature=1.0).fit(
        ["one two", "two", "three", "four three"], ["c", "c", "a", "a"]
    )
    found = answers_of(method, ["three", "two one"], task)
    assert found.predicted == ["a", "c"]
    assert found.probabilities[:, 1].tolist() == [0.0, 0.0]
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1.0)
