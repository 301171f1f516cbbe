"""Ways of making another text of one text, by name: what `--augment` takes.

A way gives edits. Those that only mistype (`keyboard`, `homophone`, `shape`) change no meaning; the others may, so
they are for rows whose target is a label or a grade of the whole text, or pieces of it that are left as they are.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from metier.errors import SettingsError, suggest
from metier.text.edits import Edit, Place
from metier.text.typing_errors import slip_keys, take_homophones, take_lookalikes
from metier.text.word_edits import Synonyms, drop_words, insert_words, replace_words, swap_words

# From a text, the places that have to stay, and chance, to edits; none where the text offers nothing to change.
Way = Callable[[str, Sequence[Place], np.random.Generator], list[Edit]]

FRACTION = 0.1  # Wei and Zou's choice for some thousand rows.
SPELLING: dict[str, Callable[..., list[Edit]]] = {
    "keyboard": slip_keys,
    "homophone": take_homophones,
    "shape": take_lookalikes,
}
PLAIN: dict[str, Callable[..., list[Edit]]] = {"swap": swap_words, "delete": drop_words}
WITH_SYNONYMS: dict[str, Callable[..., list[Edit]]] = {"synonym": replace_words, "insert": insert_words}
# Made elsewhere, for it takes a model: see `metier.transformer.unlabelled.masked_substitution`.
MASKED = "masked"
BACK = "back"  # Back-translation, see `metier.text.back_translation`.
NAMES = ("eda", *WITH_SYNONYMS, *PLAIN, *SPELLING, MASKED, BACK)


@dataclass(frozen=True)
class Augmentation:
    """What is asked for: `eda:0.1*2` is `Augmentation("eda", 0.1, 2)`.

    Parameters
    ----------
    name : str
        One of `NAMES`.
    fraction : float
        Share of the words, or of the characters where these change, above 0 to 1.
    times : int
        Texts that are made of each.
    bundles : tuple of str
        For back-translation: the folders of what translates there, and back.
    """

    name: str
    fraction: float = FRACTION
    times: int = 1
    bundles: tuple[str, ...] = ()

    @property
    def keeps_meaning(self) -> bool:
        """Whether it only mistypes."""
        return self.name in SPELLING

    @property
    def needs_synonyms(self) -> bool:
        """Whether it does all it can only with a table of synonyms."""
        return self.name == "eda" or self.name in WITH_SYNONYMS


def parse_augmentations(written: str, *, times: int = 1) -> list[Augmentation]:
    """Read `name[:fraction][*times]`, several joined by commas; back-translation is `back:THERE+BACK`.

    Parameters
    ----------
    times : int
        Where none is written.

    Raises
    ------
    SettingsError
        With a sentence for each part that cannot be read.
    """
    faults: list[str] = []
    asked = [_parse(part.strip(), times, faults) for part in written.split(",") if part.strip()]
    if not asked:
        faults.append(f"augment is {written!r}, expected names such as eda or keyboard:0.05*2")
    if faults:
        raise SettingsError(faults)
    return asked


def _parse(part: str, times: int, faults: list[str]) -> Augmentation:
    head, _, repeated = part.partition("*")
    name, _, share = head.partition(":")
    name, bundles = name.strip(), tuple[str, ...]()
    if name == BACK:
        bundles, share = tuple(folder for folder in share.split("+") if folder), ""
        if len(bundles) != 2:
            faults.append(f"augment: {part!r} should name two bundles that translate, as in back:en-zh+zh-en")
    if name not in NAMES:
        faults.append(f"augment: no way is called {name!r}.{suggest(name, NAMES)} Known: {', '.join(NAMES)}")
    fraction = _number(share, FRACTION)
    if not 0 < fraction <= 1:
        faults.append(f"augment: the share of {part!r} should be a number above 0 and up to 1, as in eda:0.1")
    count = _number(repeated, times)
    if count < 1 or count != int(count):
        faults.append(f"augment: {part!r} should say a whole number of times above 0, as in eda*2")
        count = 1
    return Augmentation(name, fraction, int(count), bundles)


def _number(written: str, default: float) -> float:
    try:
        return float(written) if written.strip() else default
    except ValueError:
        return -1.0


def build_way(asked: Augmentation, *, synonyms: Synonyms, made: Mapping[str, Way] | None = None) -> Way:
    """Give the way of this name.

    Parameters
    ----------
    synonyms : mapping of str to sequence of str
        May be empty; then `eda` swaps and drops only.
    made : mapping of str to Way, optional
        Ways that were made elsewhere, by name.
    """
    if made and asked.name in made:
        return made[asked.name]
    if asked.name in WITH_SYNONYMS:
        return functools.partial(WITH_SYNONYMS[asked.name], fraction=asked.fraction, synonyms=synonyms)
    if asked.name != "eda":
        return functools.partial({**SPELLING, **PLAIN}[asked.name], fraction=asked.fraction)
    names = [*PLAIN, *(WITH_SYNONYMS if synonyms else ())]
    ways = [build_way(Augmentation(name, asked.fraction), synonyms=synonyms) for name in names]
    return functools.partial(_one_of, ways)


def _one_of(ways: Sequence[Way], text: str, kept: Sequence[Place], random: np.random.Generator) -> list[Edit]:
    """Try the ways in random order and give the edits of the first that finds something to change."""
    for number in random.permutation(len(ways)):
        edits: list[Edit] = ways[number](text, kept, random)
        if edits:
            return edits
    return []
