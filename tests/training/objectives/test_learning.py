"""Objectives of answers that are no single label: by hand, and each term of each task on a real base made small."""

from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from metier.errors import SettingsError
from metier.tasks.answers import ANSWERS
from metier.tasks.answers.answer_threshold import AnswerThreshold
from metier.training.objectives import compose
from metier.training.objectives.binary_cross_entropy import binary_cross_entropy
from metier.training.objectives.composition import WRAPPERS
from metier.training.objectives.learning import ANSWER_ENDS, GRADES, LABEL_SETS, LABELS, SCORES, TAGS
from metier.training.objectives.squared_error import squared_error
from metier.training.objectives.token_cross_entropy import UNTAGGED, token_cross_entropy
from metier.transformer.tuned.bi_encoder import BiEncoder
from metier.transformer.tuned.corn_encoder import CornEncoder
from metier.transformer.tuned.many_labels_encoder import ManyLabelsEncoder
from metier.transformer.tuned.reader import Reader
from metier.transformer.tuned.score_encoder import ScoreEncoder
from metier.transformer.tuned.token_encoder import TokenEncoder

WORDS = [
    "my card is lost",
    "where is my card",
    "a transfer failed",
    "the transfer is late",
    "card again",
    "late again",
]
TEXTS = [f"{words} {number}" for number in range(4) for words in WORDS]


class Tagged(torch.nn.Module):
    """Logits of tokens that are known."""

    def __init__(self, *passes):
        super().__init__()
        self.passes, self.made = [torch.tensor(values, dtype=torch.float32) for values in passes], 0

    def forward(self, batch):
        self.made += 1
        return self.passes[(self.made - 1) % len(self.passes)]


@pytest.fixture
def tags_of(batch_of):
    """Makes a batch of one row of tags."""

    def make(tags):
        labels = torch.tensor([tags])
        return replace(batch_of([0]), labels=labels)

    return make


def test_focal_of_label_sets_by_hand(given, batch_of):
    logits = np.array([[0.0, np.log(3.0)]])  # Of the two a yes has 1/2 and 3/4.
    found = binary_cross_entropy(focusing=2.0)(given(logits), batch_of([[1.0, 0.0]]))
    assert float(found) == pytest.approx(-(0.5**2 * np.log(0.5) + 0.75**2 * np.log(0.25)) / 2)
    assert float(binary_cross_entropy()(given(logits), batch_of([[1.0, 0.0]]))) == pytest.approx(
        -(np.log(0.5) + np.log(0.25)) / 2
    )


def test_focal_of_tags_by_hand_and_only_of_those_that_are_there(tags_of):
    logits = np.log([[[3.0, 1.0], [1.0, 4.0], [1.0, 9.0]]])
    found = token_cross_entropy(focusing=1.0)(Tagged(logits), tags_of([0, UNTAGGED, 0]))
    assert float(found) == pytest.approx(-(0.25 * np.log(0.75) + 0.9 * np.log(0.1)) / 2, rel=1e-5)


def test_r_drop_of_tags_leaves_out_what_has_none(tags_of):
    """Both passes are alike where there is a tag, and far apart where there is none."""
    one, other = np.zeros((1, 3, 2)), np.zeros((1, 3, 2))
    other[0, 1] = [5.0, -5.0]
    objective = compose("r_drop:1", learning=TAGS)
    assert float(objective(Tagged(one, other), tags_of([0, UNTAGGED, 1]))) == pytest.approx(np.log(2))
    assert float(objective(Tagged(one, other), tags_of([0, 1, 1]))) > np.log(2) + 1


def test_r_drop_of_label_sets_by_hand(given, batch_of):
    one, other = [[0.0]], [[float(np.log(3.0))]]  # A yes has 1/2, then 3/4.
    found = compose("r_drop:1", learning=LABEL_SETS)(given(one, other), batch_of([[1.0]]))
    losses = -(np.log(0.5) + np.log(0.75)) / 2
    # (p - q)(log p - log q), summed over yes and no, halved.
    by_hand = ((0.5 - 0.75) * np.log(0.5 / 0.75) + (0.5 - 0.25) * np.log(0.5 / 0.25)) / 2
    assert float(found) == pytest.approx(losses + by_hand, rel=1e-5)


@pytest.mark.parametrize(
    ("learning", "logits", "expected"),
    [
        (LABEL_SETS, [[0.0, 0.0]], 2 * np.log(0.5)),
        (GRADES, [[0.0]], np.log(0.5)),
        (ANSWER_ENDS, [[[0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]], 2 * np.log(0.25)),
    ],
)
def test_the_likelihood_of_what_is_drawn_sums_over_the_questions(batch_of, learning, logits, expected):
    drawn = learning.drawn(torch.tensor(logits), batch_of([0]), torch.Generator().manual_seed(0))
    assert float(drawn) == pytest.approx(expected, rel=1e-5)


def sets():
    return [["card"] if "card" in text else ["transfer"] if "transfer" in text else [] for text in TEXTS]


def spans():
    return [[[text.index("card"), text.index("card") + 4, "thing"]] if "card" in text else [] for text in TEXTS]


def questions():
    asked = [{"question": "what is it about?", "passage": text} for text in TEXTS if "card" in text]
    return asked, [[{"text": "card", "start": row["passage"].index("card")}] for row in asked]


CASES = {
    "label_set": lambda: (
        ManyLabelsEncoder(rule={}, dropout=0.1),
        "focal:2+r_drop+simcse+fgm+ewc",
        TEXTS,
        sets(),
    ),
    "grade": lambda: (
        CornEncoder(temperature=1.0, dropout=0.1),
        "corn+r_drop+simcse+pgd:1:2+ewc",
        TEXTS,
        [str(len(text) % 3) for text in TEXTS],
    ),
    "score": lambda: (
        ScoreEncoder(half_width=1.0, dropout=0.1),
        "squared_error+simcse+fgm+ewc",
        TEXTS,
        [float(len(text)) for text in TEXTS],
    ),
    "spans": lambda: (
        TokenEncoder(outside_bias=0.0, calibration=(1.0, 0.0)),
        "focal:1+r_drop+fgm+ewc",
        TEXTS,
        spans(),
    ),
    "passage_answer": lambda: (
        Reader(verdict=asdict(AnswerThreshold()), longest_answer=8),
        "pgd:1:2+ewc",
        *questions(),
    ),
}


@pytest.mark.parametrize("kind", CASES)
def test_every_term_of_a_task_is_learned_by(kind, tiny_base):
    method, objective, X, y = CASES[kind]()
    assert method.method.answer.name == kind
    plain = method.set_params(base=str(tiny_base), epochs=1, stop_epoch=1)
    losses = [
        type(plain)(**{**plain.get_params(), "objective": own, "old_rows": X[:6]})
        .fit(X, y)
        .facts_["epochs"][0]["loss"]
        for own in (None, objective)
    ]
    assert np.isfinite(losses).all()
    assert losses[0] != losses[1]


@pytest.mark.parametrize(
    ("method", "objective", "found"),
    [
        (ScoreEncoder, "r_drop", "expected one of squared_error, simcse, fgm, pgd, ewc"),
        (Reader, "supcon", "expected one of cross_entropy, fgm, pgd, ewc"),
        (TokenEncoder, "mixup", "expected one of cross_entropy, focal, r_drop, fgm, pgd, ewc"),
        (ManyLabelsEncoder, "binary_cross_entropy+focal:2", "both losses of the answers"),
    ],
)
def test_terms_that_a_task_has_no_use_for_are_told_with_those_it_has(method, objective, found):
    with pytest.raises(SettingsError, match="objective") as caught:
        method(objective=objective).fit([], [])
    assert found in str(caught.value)


def test_vectors_have_no_objective_to_compose():
    assert "objective" not in BiEncoder().get_params()


@pytest.mark.parametrize("kind", ANSWERS.values(), ids=lambda kind: kind.name)
def test_what_a_kind_names_is_computed(kind):
    learnings = {each.answer.name: each for each in (LABELS, LABEL_SETS, GRADES, SCORES, TAGS, ANSWER_ENDS)}
    if kind.name in learnings:
        assert tuple(learnings[kind.name].losses) == kind.losses
    assert set(kind.terms) <= set(WRAPPERS)


def test_losses_under_other_names_than_those_of_the_kind_are_refused():
    with pytest.raises(ValueError, match="names the losses"):
        replace(GRADES, losses={"squared_error": squared_error})
