"""How well the labellers of a queue agree, and whether one of them answers as by chance.

Labels and sets of labels are compared row by row, spans word by word. A labeller is held against trusted answers, where
there are some, and against the others elsewhere: the test asks how often answers dealt out anew among the same rows would
agree as well (2,000 permutations). Who answers at random, or the same everywhere, agrees no better.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from metier.continual.queue.items import Answer, Item, Label, canonical
from metier.evaluation.agreement import Agreement, cohen_kappa, fleiss_kappa, krippendorff_alpha
from metier.text.tokens import token_offsets

FEWEST = 20  # Compared answers; of fewer nothing is said.
PERMUTATIONS = 2_000
LEVEL = 0.05
LOW_KAPPA = 0.4  # Fair agreement at best, as Landis and Koch (1977) call it.
OUTSIDE = ""


@dataclass(frozen=True)
class LabellerFacts:
    """What is known of a labeller.

    Parameters
    ----------
    name : str
    n_labelled, n_skipped : int
    seconds : float or None
        Median time of an answer.
    n_compared : int
        Answers (of spans: words) that could be held against trusted ones or those of others.
    kappa : Agreement
        With them.
    p_value : float or None
        Of agreeing as well by chance; None: too few were compared.
    verdict : str
        `chance`, `low`, `good`, or `few` to tell.
    """

    name: str
    n_labelled: int
    n_skipped: int
    seconds: float | None
    n_compared: int
    kappa: Agreement
    p_value: float | None
    verdict: str


def agreements(items: Sequence[Item], labels: Sequence[Label]) -> dict[str, Agreement]:
    """Give the agreement of all labellers by its name: alpha; kappa too where every row has as many labellers."""
    texts = {one.number: one.text for one in items}
    units: dict[tuple[Any, ...], list[Any]] = defaultdict(list)
    by_labeller: dict[str, dict[tuple[Any, ...], Any]] = defaultdict(dict)
    for one in labels:
        if one.answer is not None and one.item in texts:
            for place, value in _parts(one.answer, texts[one.item]):
                units[one.item, place].append(value)
                by_labeller[one.labeller][one.item, place] = value
    shared = {unit: values for unit, values in units.items() if len(values) > 1}
    if not shared:
        return {}
    counts, rows = _counted(shared), np.array([unit[0] for unit in shared])
    found = {"krippendorff_alpha": krippendorff_alpha(counts, groups=rows)}
    sizes, are_labels = {len(values) for values in shared.values()}, all(unit[1] == () for unit in shared)
    if are_labels and len(by_labeller) == 2:
        first, second = (np.array([repr(own[unit]) for unit in shared]) for own in by_labeller.values())
        found["cohen_kappa"] = cohen_kappa(first, second)
    elif are_labels and len(sizes) == 1:
        found["fleiss_kappa"] = fleiss_kappa(counts)
    return found


def labellers(items: Sequence[Item], labels: Sequence[Label], *, random_state: int = 0) -> list[LabellerFacts]:
    """Give what is known of each labeller, those first who labelled most."""
    by_item = {one.number: one for one in items}
    said: dict[int, list[Label]] = defaultdict(list)
    for one in labels:
        said[one.item].append(one)
    counts = Counter(one.labeller for one in labels if one.answer is not None)
    names = sorted({one.labeller for one in labels}, key=lambda name: (-counts[name], name))
    return [_facts(name, by_item, said, np.random.default_rng(random_state)) for name in names]


def _facts(
    name: str, items: Mapping[int, Item], said: Mapping[int, list[Label]], rng: np.random.Generator
) -> LabellerFacts:
    own = [one for some in said.values() for one in some if one.labeller == name]
    times = [one.seconds for one in own if one.answer is not None and one.seconds is not None]
    pairs = [
        pair
        for one in own
        if one.answer is not None and one.item in items
        for pair in _compared(
            one.answer, _reference(items[one.item], said[one.item], name), items[one.item].text
        )
    ]
    values = {
        value: code for code, value in enumerate(dict.fromkeys(value for pair in pairs for value in pair))
    }
    mine, theirs = (np.array([values[pair[side]] for pair in pairs], dtype=int) for side in (0, 1))
    kappa = cohen_kappa(mine, theirs)
    p_value = _p_value(mine, theirs, rng) if len(pairs) >= FEWEST else None
    n_answers = sum(one.answer is not None for one in own)
    return LabellerFacts(
        name,
        n_answers,
        len(own) - n_answers,
        float(np.median(times)) if times else None,
        len(pairs),
        kappa,
        p_value,
        _verdict(p_value, kappa),
    )


def _verdict(p_value: float | None, kappa: Agreement) -> str:
    if p_value is None:
        return "few"
    if p_value > LEVEL:
        return "chance"
    return "low" if kappa.high < LOW_KAPPA else "good"


def _p_value(mine: np.ndarray, theirs: np.ndarray, rng: np.random.Generator) -> float:
    if not (mine != theirs).any():
        return 1 / (PERMUTATIONS + 1) if len(np.unique(theirs)) > 1 else 1.0
    observed = int((mine == theirs).sum())
    drawn = sum(int((rng.permutation(mine) == theirs).sum()) >= observed for _ in range(PERMUTATIONS))
    return (drawn + 1) / (PERMUTATIONS + 1)


def _reference(item: Item, said: Sequence[Label], name: str) -> list[Answer]:
    """Give what an answer is held against: the trusted one, else those of others, else what was settled by somebody."""
    if item.truth is not None:
        return [item.truth]
    return [one.answer for one in said if one.labeller != name and one.answer is not None]


def _compared(answer: Answer, reference: Sequence[Answer], text: str) -> Iterator[tuple[Any, Any]]:
    """Give the parts of an answer beside those that most of the others gave; words outside of all spans are left out."""
    if not reference:
        return
    votes: dict[Any, Counter[Any]] = defaultdict(Counter)
    for one in reference:
        for place, value in _parts(one, text):
            votes[place][value] += 1
    for place, value in _parts(answer, text):
        other = votes[place].most_common(1)[0][0] if votes[place] else OUTSIDE
        if place == () or value != OUTSIDE or other != OUTSIDE:
            yield value, other


def _parts(answer: Answer, text: str) -> Iterator[tuple[Any, Any]]:
    """Give the parts of an answer with their places: one of labels, and one for each word of a text with spans."""
    if "spans" in answer:
        spans = canonical(answer)[1:]
        for start, end in token_offsets(text):
            yield (start,), next((label for one, stop, label in spans if one < end and start < stop), OUTSIDE)
    else:
        yield (), canonical(answer)[1:]


def _counted(shared: Mapping[Any, Sequence[Any]]) -> np.ndarray:
    values = {
        value: code for code, value in enumerate(dict.fromkeys(v for some in shared.values() for v in some))
    }
    counts = np.zeros((len(shared), len(values)), dtype=int)
    for row, some in enumerate(shared.values()):
        for value in some:
            counts[row, values[value]] += 1
    return counts
