"""A search for few edits that turn an answer: the words that matter most first, each misspelt until the answer changes.

A greedy attack after Jin et al. [1]_, without their synonyms, which need a model of their own. Words are ordered by how far
the probability of the answer falls when each is left out; one after the other is given the typing error, or the Chinese
character of the same sound or shape, that lowers it most, until the answer changes or the budget of words is spent.

References
----------
.. [1] Jin, Jin, Zhou and Szolovits, "Is BERT really robust? A strong baseline for natural language attack on text
   classification and entailment", 2020, arXiv:1907.11932.
"""

from collections.abc import Sequence

import numpy as np

from metier.assurance.behaviour.case import INVARIANCE, BehaviourResult, Case
from metier.assurance.behaviour.meaning import meaning_bearing
from metier.bundles import Model
from metier.errors import CallError
from metier.progress import Listener, Progress, ignore
from metier.tasks.answer_batches import Answers
from metier.text.offsets import Edit, apply_edits, is_free
from metier.text.segmentation import has_han, word_offsets
from metier.text.typing_errors import SHORTEST_WORD, slip_keys, take_homophones, take_lookalikes

NAME = "adversarial"
MOST_ROWS = 50  # Each costs as many answers as it has words, and some more a word that is tried.
SHARE = 0.15  # Of the words of a text: the budget, and at least one.
SLIPS = 4  # Tried of each word.
LONGEST = 4_000  # Characters of a text.
MOST_WORDS = 400  # Of a text: as many copies of it are asked at once.


def adversarial_result(
    model: Model, texts: Sequence[str], *, random_state: int = 0, listener: Listener = ignore
) -> BehaviourResult:
    """Search for edits that turn the answers to some texts.

    Raises
    ------
    CallError
        If answers are not one label with a probability.
    """
    random = np.random.default_rng(random_state)
    n_all = len(texts)
    texts = [text for text in texts if len(word_offsets(text[:LONGEST])) <= MOST_WORDS and len(text) <= LONGEST]
    left_out = n_all - len(texts)
    if len(texts) > MOST_ROWS:
        texts = [texts[int(row)] for row in np.sort(random.permutation(len(texts))[:MOST_ROWS])]
    cases = []
    for done, text in enumerate(texts):
        listener(Progress(f"{model.name}: searching edits", done, len(texts)))
        cases.append(_searched(model, text, random))
    listener(Progress(f"{model.name}: searching edits", len(texts), len(texts)))
    does = f"typing errors in {100 * SHARE:g} % of the words, those that matter most"
    return BehaviourResult(INVARIANCE, NAME, does, tuple(cases), left_out)


def _searched(model: Model, text: str, random: np.random.Generator) -> Case:
    kept = meaning_bearing(text)
    words = [
        pair for pair in word_offsets(text) if is_free(pair, kept) and _can_be_misspelt(text[slice(*pair)])
    ]
    without = [text[: pair[0]] + text[pair[1] :] for pair in words]
    [own, *falls] = _probabilities(model, [text, *without])
    label, column = own[0], own[1]
    order = np.argsort([one[2][column] for one in falls], kind="stable")
    budget = max(1, round(SHARE * len(word_offsets(text))))
    edits: list[Edit] = []
    for place in order[:budget]:
        tried = [[*edits, edit] for edit in _slips(text, words[int(place)], random)]
        asked = [apply_edits(text, one) for one in tried]
        found = _probabilities(model, asked) if asked else []
        for edited, answer in zip(asked, found, strict=True):
            if answer[0] != label:
                return Case(text, edited, label, answer[0], passed=False)
        if found:
            edits = tried[int(np.argmin([one[2][column] for one in found]))]
    return Case(text, apply_edits(text, edits), label, label, passed=True)


def _probabilities(model: Model, texts: Sequence[str]) -> list[tuple[str, int, np.ndarray]]:
    """Give the answer to each text, its column, and the probabilities of all labels."""
    answers = model.predict(list(texts))
    if not isinstance(answers, Answers):
        raise CallError(
            f"{model.name} does not answer with one label, so no edits are searched. Leave --adversarial out."
        )
    return [
        (answers.labels[best], int(best), row)
        for best, row in zip(answers.best, answers.probabilities, strict=True)
    ]


def _can_be_misspelt(word: str) -> bool:
    return has_han(word) or (len(word) >= SHORTEST_WORD and word.isascii() and word.isalpha())


def _slips(text: str, word: tuple[int, int], random: np.random.Generator) -> list[Edit]:
    """Give some ways of misspelling one word."""
    elsewhere = [(0, word[0]), (word[1], len(text))]
    makers = (take_homophones, take_lookalikes) if has_han(text[slice(*word)]) else (slip_keys,)
    found = {
        edit
        for make in makers
        for _ in range(SLIPS)
        for edit in make(text, elsewhere, random, fraction=1e-9)[:1]
    }
    return sorted(found)
