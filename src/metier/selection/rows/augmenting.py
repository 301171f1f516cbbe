"""`--augment`: more training rows, made after the split and of the training rows alone."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from metier import catalogue
from metier.bases.base import Base
from metier.bases.known_bases import resolve_base
from metier.data import Rows, Splits
from metier.errors import MissingExtraError
from metier.figures import count_of
from metier.predictors.loading import load_predictor
from metier.selection.rows.augmented_rows import augment_rows, check_augmentable
from metier.selection.settings import TrainSettings
from metier.text.augmentation import (
    BACK,
    MASKED,
    Augmentation,
    Translate,
    Way,
    back_translation,
    build_way,
    parse_augmentations,
)

Synonyms = dict[str, list[str]]


@dataclass(frozen=True)
class AugmentationBase:
    """The base that fills masked words in and finds near ones; looked for only where a way needs it.

    Parameters
    ----------
    name : str
    language : str
        Decides which base `auto` is.
    """

    name: str = "auto"
    language: str | None = None

    def find(self) -> Base:
        """Give the base; raises as `resolve_base` does."""
        return resolve_base(self.name, language=self.language)


def check_augmentation(train: Rows, settings: TrainSettings) -> None:
    """Raise what can be known of `--augment` before any work."""
    if settings.data.augment is not None:
        check_augmentable(train, _asked(settings))


def augment_splits(splits: Splits, base: AugmentationBase, settings: TrainSettings) -> tuple[Splits, list[str]]:
    """Add made rows to the training rows, if that is asked for; gives what to report about it, too."""
    if settings.data.augment is None:
        return splits, []
    asked = _asked(settings)
    check_augmentable(splits.train, asked)
    synonyms, notes = _synonyms(splits.train, asked, base)
    ways = [(each, _way(each, splits.train, synonyms, base, settings)) for each in asked]
    held_out = (splits.validation, splits.test)
    made = augment_rows(splits.train, ways, held_out=held_out, random_state=settings.random_state)
    added = f"added {count_of(made.n_made, 'row')} to {count_of(len(splits.train), 'training row')}"
    what = f"--augment {settings.data.augment} {added}"
    near = f"; left out {count_of(made.n_near, 'near duplicate')} of existing rows"
    return replace(splits, train=made.rows), [what + (near if made.n_near else ""), *notes]


def _asked(settings: TrainSettings) -> list[Augmentation]:
    return parse_augmentations(settings.data.augment or "", times=settings.data.augment_times)


def _way(
    asked: Augmentation, train: Rows, synonyms: Synonyms, base: AugmentationBase, settings: TrainSettings
) -> Way:
    if asked.name == MASKED:
        substitution: Callable[..., Way] = catalogue.resolve_way("masked_substitution")
        return substitution(base.find(), fraction=asked.fraction)
    if asked.name == BACK:
        there, back = (_translator(Path(folder), settings) for folder in asked.bundles)
        return back_translation(list(train.texts), there, back)
    return build_way(asked, synonyms=synonyms)


def _translator(bundle: Path, settings: TrainSettings) -> Translate:
    predictor = load_predictor(bundle, threads=settings.threads)
    return lambda texts: [str(text) for text in predictor.predict(list(texts)).predicted]


def _synonyms(train: Rows, asked: list[Augmentation], base: AugmentationBase) -> tuple[Synonyms, list[str]]:
    if not any(each.needs_synonyms for each in asked):
        return {}, []
    try:
        neighbours: Callable[..., Synonyms] = catalogue.resolve_way("word_neighbours")
        return neighbours(base.find(), train.texts), []
    except MissingExtraError:
        if any(each.needs_synonyms and each.name != "eda" for each in asked):
            raise
        return {}, ["eda only swapped and dropped words: similar words need metier[train] and a base"]
