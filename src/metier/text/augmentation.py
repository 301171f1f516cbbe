"""Text augmentations by name, as `--augment` takes them.

An augmentation gives edits of a text. Those that only add typing errors (`keyboard`, `homophone`, `shape`) keep the
meaning; the others may change it, so they are for rows whose target is a label or grade of the whole text, or spans
that are not edited.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from metier.errors import SettingsError, suggest
from metier.text.identity_terms import name_others
from metier.text.offsets import Edit, Offsets
from metier.text.typing_errors import slip_keys, take_homophones, take_lookalikes
from metier.text.word_edits import Synonyms, drop_words, insert_words, replace_words, swap_words

# From a text, the offsets to keep, and a random generator to edits; none where there is nothing to change.
Way = Callable[[str, Sequence[Offsets], np.random.Generator], list[Edit]]

FRACTION = 0.1  # Wei and Zou's choice for some thousand rows.
SPELLING: dict[str, Callable[..., list[Edit]]] = {
    "keyboard": slip_keys,
    "homophone": take_homophones,
    "shape": take_lookalikes,
}
PLAIN: dict[str, Callable[..., list[Edit]]] = {"swap": swap_words, "delete": drop_words}
WITH_SYNONYMS: dict[str, Callable[..., list[Edit]]] = {"synonym": replace_words, "insert": insert_words}
# Needs a model: see `metier.transformer.unlabelled.masked_substitution`.
MASKED = "masked"
IDENTITY = "identity"  # Counterfactual: other groups of people are named, see `metier.text.identity_terms`.
BACK = "back"  # Back-translation, see `metier.text.augmentation`.
NAMES = ("eda", *WITH_SYNONYMS, *PLAIN, *SPELLING, IDENTITY, MASKED, BACK)
# From texts to their translations: the `predict` of a translation predictor.
Translate = Callable[[Sequence[str]], Sequence[str]]


@dataclass(frozen=True)
class Augmentation:
    """A parsed augmentation: `eda:0.1*2` is `Augmentation("eda", 0.1, 2)`.

    Parameters
    ----------
    name : str
        One of `NAMES`.
    fraction : float
        Share of the words (or characters) to change, above 0 to 1.
    times : int
        Number of augmented texts per text.
    bundles : tuple of str
        For back-translation: the bundles that translate into the other language and back.
    """

    name: str
    fraction: float = FRACTION
    times: int = 1
    bundles: tuple[str, ...] = ()

    @property
    def keeps_meaning(self) -> bool:
        """Whether it only adds typing errors."""
        return self.name in SPELLING

    @property
    def is_counterfactual(self) -> bool:
        """Whether its texts are meant to differ from their source in a word alone, and are no copies for that."""
        return self.name == IDENTITY

    @property
    def needs_synonyms(self) -> bool:
        """Whether it uses a table of synonyms."""
        return self.name == "eda" or self.name in WITH_SYNONYMS


def parse_augmentations(written: str, *, times: int = 1) -> list[Augmentation]:
    """Read `name[:fraction][*times]`, separated by commas; back-translation is `back:THERE+BACK`.

    Parameters
    ----------
    times : int
        Default where it is not given.

    Raises
    ------
    SettingsError
        With a message for each part that cannot be read.
    """
    faults: list[str] = []
    parsed = [_parse(part.strip(), times, faults) for part in written.split(",") if part.strip()]
    if not parsed:
        faults.append(f"augment is {written!r}, expected names such as eda or keyboard:0.05*2")
    if faults:
        raise SettingsError(faults)
    return parsed


def _parse(part: str, times: int, faults: list[str]) -> Augmentation:
    head, _, repeated = part.partition("*")
    name, _, share = head.partition(":")
    name, bundles = name.strip(), tuple[str, ...]()
    if name == BACK:
        bundles, share = tuple(folder for folder in share.split("+") if folder), ""
        if len(bundles) != 2:
            faults.append(f"augment: {part!r} should name two bundles that translate, as in back:en-zh+zh-en")
    if name not in NAMES:
        faults.append(
            f"augment: there is no augmentation {name!r}.{suggest(name, NAMES)} Known: {', '.join(NAMES)}"
        )
    fraction = _number(share, FRACTION)
    if not 0 < fraction <= 1:
        faults.append(f"augment: the share of {part!r} should be a number above 0 and up to 1, as in eda:0.1")
    count = _number(repeated, times)
    if count < 1 or count != int(count):
        faults.append(f"augment: {part!r} should have a whole number of times above 0, as in eda*2")
        count = 1
    return Augmentation(name, fraction, int(count), bundles)


def _number(written: str, default: float) -> float:
    try:
        return float(written) if written.strip() else default
    except ValueError:
        return -1.0


def build_way(augmentation: Augmentation, *, synonyms: Synonyms, made: Mapping[str, Way] | None = None) -> Way:
    """Build the function of an augmentation.

    Parameters
    ----------
    synonyms : mapping of str to sequence of str
        If empty, `eda` only swaps and drops words.
    made : mapping of str to Way, optional
        Functions built elsewhere, by name.
    """
    if made and augmentation.name in made:
        return made[augmentation.name]
    if augmentation.name == IDENTITY:
        return name_others
    if augmentation.name in WITH_SYNONYMS:
        return functools.partial(
            WITH_SYNONYMS[augmentation.name], fraction=augmentation.fraction, synonyms=synonyms
        )
    if augmentation.name != "eda":
        return functools.partial({**SPELLING, **PLAIN}[augmentation.name], fraction=augmentation.fraction)
    names = [*PLAIN, *(WITH_SYNONYMS if synonyms else ())]
    ways = [build_way(Augmentation(name, augmentation.fraction), synonyms=synonyms) for name in names]
    return functools.partial(_one_of, ways)


def _one_of(ways: Sequence[Way], text: str, kept: Sequence[Offsets], random: np.random.Generator) -> list[Edit]:
    """Try the functions in random order; gives the edits of the first that changes something."""
    for number in random.permutation(len(ways)):
        edits: list[Edit] = ways[number](text, kept, random)
        if edits:
            return edits
    return []


def back_translation(texts: Sequence[str], there: Translate, back: Translate) -> Way:
    """Build the augmentation that translates texts into another language and back.

    All texts are translated at once [1]_, as batches are faster. Texts with spans to keep, texts that are not among
    `texts`, and texts whose translation is empty are not changed.

    Parameters
    ----------
    texts : sequence of str
        The texts to augment.
    there, back : callable
        From texts to texts, such as two translation bundles.

    References
    ----------
    .. [1] Sennrich, Haddow and Birch, "Improving neural machine translation models with monolingual data", 2016,
       arXiv:1511.06709.
    """
    unique = list(dict.fromkeys(texts))
    returned = dict(zip(unique, back(list(there(unique))), strict=True))

    def way(text: str, kept: Sequence[Offsets], random: np.random.Generator) -> list[Edit]:
        again = returned.get(text, "").strip()
        return [] if kept or not again or again == text else [Edit(0, len(text), again)]

    return way
