"""A vote of taggers: fitted on validation, put together on disk, answered as in memory."""

import pytest

from metier.classical.crf import Crf
from metier.classical.dictionary_tagger import DictionaryTagger
from metier.evaluation.entity_measures import entity_f1
from metier.fusion.vote import Vote, VoteFit, export_vote, fit_vote, join_vote
from metier.predictors import load_predictor
from metier.tasks.answers.scored_spans import ScoredSpan, SpanCalibration

TRUTH = [[[0, 1, "x"]], [[2, 4, "x"]], [[5, 6, "y"]], []]


def right(row, probability=0.9):
    return [ScoredSpan(*span, probability) for span in TRUTH[row]]


def wrong(probability=0.9):
    return [ScoredSpan(10, 12, "x", probability)]


@pytest.fixture(scope="module")
def rows(tagged):
    return (
        tagged("ncbi_disease", "train", 250),
        tagged("ncbi_disease", "dev", 100),
        tagged("ncbi_disease", "test", 80),
    )


@pytest.fixture(scope="module")
def fitted(rows):
    members = [DictionaryTagger(), Crf(c1=0.1, c2=0.01, max_iterations=30)]
    return Vote(members=members).fit(*rows[0], validation=rows[1])


@pytest.fixture(scope="module")
def folder(fitted, tmp_path_factory):
    written = tmp_path_factory.mktemp("vote")
    fitted.export(written)
    return written


def test_weights_follow_f1_and_the_threshold_keeps_what_is_right():
    good = [right(0), right(1), right(2), []]
    poor = [right(0), wrong(), [], wrong()]
    fit = fit_vote([good, poor], TRUTH)
    assert fit.weights[0] > fit.weights[1] > 0
    assert sum(fit.weights) == pytest.approx(1)
    assert [[list(span[:3]) for span in spans] for spans in fit.join([good, poor])] == TRUTH


def test_a_member_that_is_never_right_has_no_voice():
    fit = fit_vote([[right(row) for row in range(4)], [wrong()] * 4], TRUTH)
    assert fit.weights == (1.0, 0.0)


def test_nothing_found_by_anybody():
    fit = fit_vote([[[]] * 4, [[]] * 4], TRUTH)
    assert fit.weights == (0.5, 0.5)
    assert fit.join([[[]], [[]]]) == [[]]


def test_records_are_as_good_as_spans():
    answers = [right(0), right(1), wrong(), []]
    records = [[span._asdict() for span in spans] for spans in answers]
    assert fit_vote([answers], TRUTH) == fit_vote([records], TRUTH)


def test_no_members_is_a_sentence(rows):
    with pytest.raises(ValueError, match="needs members"):
        Vote().fit(*rows[0])
    with pytest.raises(ValueError, match="needs members"):
        fit_vote([], TRUTH)


def test_is_about_as_good_as_its_best_member_on_unseen_texts(fitted, rows):
    texts, true = rows[2]
    alone = [entity_f1(true, member.predict(texts)) for member in fitted.members_]
    assert entity_f1(true, fitted.predict(texts)) > max(alone) - 0.02


def test_exported_answers_alike(fitted, folder, rows):
    texts = rows[2][0]
    answers = load_predictor(folder).predict(texts)
    assert answers.predicted == fitted.predict(texts)
    assert answers.answered_by == ("vote.v1",) * len(texts)
    assert sum(map(len, answers.predicted)) > 10


def test_members_answer_inside_the_whole_as_alone(fitted, folder, rows, tmp_path):
    texts = rows[2][0][:20]
    predictor = load_predictor(folder)
    for member, method in zip(predictor.members, fitted.members_, strict=True):
        assert member.predictor.predict(texts).predicted == method.predict(texts)


def test_exported_members_can_be_joined_afterwards(fitted, rows, tmp_path):
    folders = []
    for number, member in enumerate(fitted.members_):
        folders.append(tmp_path / f"member{number}")
        folders[-1].mkdir()
        member.export(folders[-1])
    answers = [load_predictor(folder).predict(rows[1][0]) for folder in folders]
    fit = join_vote(folders, [[record["spans"] for record in answer.records] for answer in answers], rows[1][1])
    assert fit.weights == pytest.approx(fitted.fit_.weights)
    export_vote(fit, folders, tmp_path / "whole")
    assert load_predictor(tmp_path / "whole").predict(rows[2][0]).predicted == fitted.predict(rows[2][0])
    with pytest.raises(ValueError, match="one folder for each"):
        export_vote(fit, folders[:1], tmp_path / "half")


def test_without_validation_it_holds_some_rows_back(rows):
    texts, spans = rows[0]
    method = Vote(members=[DictionaryTagger()]).fit(texts, spans)
    assert method.fit_.weights == (1.0,)
    again = Vote().set_params(**method.chosen_params_).fit(texts, spans)
    assert again.predict(rows[2][0]) == method.predict(rows[2][0])


def test_a_fixed_fit_is_used(rows):
    fixed = VoteFit((1.0,), 2.0, SpanCalibration())
    method = Vote(members=[DictionaryTagger()], fixed=fixed).fit(*rows[0])
    assert method.predict(rows[2][0]) == [[]] * 80
