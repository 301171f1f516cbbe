"""The smallest set of words without which the answer is another.

It is an intervention on the text, and says what the model does with another text; nothing follows from it about what caused
what in the world. Found greedily: words are taken out by what each adds to the answer, until it changes; then every word
that need not have gone is put back, so that no smaller part of the set does it. A smaller other set may exist.
"""

from collections.abc import Callable, Sequence

from metier.explanation.explanation import Counterfactual, Word
from metier.explanation.shapley import text_of
from metier.explanation.word_contributions import word_parts


def smallest_deletion(
    text: str, words: Sequence[Word], answer: Callable[[Sequence[str]], Sequence[str]]
) -> Counterfactual | None:
    """Find words without which the answer is another; None where the answer holds however many go.

    Parameters
    ----------
    words : sequence of Word
        With their contributions to the answer.
    answer : callable
        Gives the label of each of some texts.
    """
    parts = word_parts(text)
    if len(words) != len(parts) or len(parts) < 2:
        return None
    [own] = answer([text])
    order = sorted(range(len(parts)), key=lambda part: -words[part].contribution)
    every = frozenset(range(len(parts)))
    steps = [frozenset(order[:size]) for size in range(1, len(parts))]
    found = answer([text_of(text, parts, every - gone) for gone in steps])
    first = next((gone for gone, label in zip(steps, found, strict=True) if label != own), None)
    if first is None:
        return None
    gone = set(first)
    for part in sorted(first, key=lambda part: words[part].contribution):
        [label] = answer([text_of(text, parts, every - (gone - {part}))])
        if label != own and len(gone) > 1:
            gone.discard(part)
    left = text_of(text, parts, every - gone)
    [label] = answer([left])
    return Counterfactual(left, tuple(text[slice(*parts[part])] for part in sorted(gone)), label)
