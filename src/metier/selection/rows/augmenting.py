"""`--augment`: more training rows, made after the split and of the training rows alone."""

import importlib
from dataclasses import replace
from pathlib import Path
from typing import Any

from metier.bases.base_uses import is_for_reading
from metier.data import Rows, Splits
from metier.data.augmenting import augment_rows, check_augmentable
from metier.errors import MissingExtraError
from metier.predictors.loading import load_predictor
from metier.selection.settings import TrainSettings
from metier.text.augmentation import BACK, MASKED, Augmentation, Way, build_way, parse_augmentations
from metier.text.back_translation import Translate, back_translation
from metier.text.language import detect_language


def check_augmentation(train: Rows, settings: TrainSettings) -> None:
    """Raise what can be known of `--augment` before any work."""
    if settings.data.augment is not None:
        check_augmentable(train, _asked(settings))


def augment_splits(splits: Splits, settings: TrainSettings) -> tuple[Splits, list[str]]:
    """Add made rows to the training rows, if that is asked for; gives what to say about it, too."""
    if settings.data.augment is None:
        return splits, []
    asked = _asked(settings)
    check_augmentable(splits.train, asked)
    synonyms, said = _synonyms(splits.train, asked, settings)
    ways = [(each, _way(each, splits.train, synonyms, settings)) for each in asked]
    away = (splits.validation, splits.test)
    made = augment_rows(splits.train, ways, away=away, random_state=settings.random_state)
    what = f"--augment {settings.data.augment} added {made.n_made:,} rows to the {len(splits.train):,} training rows"
    near = f"; {made.n_near:,} more came out nearly like rows that are there and were left out"
    return replace(splits, train=made.rows), [what + (near if made.n_near else ""), *said]


def _asked(settings: TrainSettings) -> list[Augmentation]:
    return parse_augmentations(settings.data.augment or "", times=settings.data.augment_times)


def _way(asked: Augmentation, train: Rows, synonyms: Any, settings: TrainSettings) -> Way:
    if asked.name == MASKED:
        base = _base(train, settings)
        return _of_transformer("masked_substitution", asked.name)(base, fraction=asked.fraction)  # type: ignore[no-any-return]
    if asked.name == BACK:
        there, back = (_translator(Path(folder), settings) for folder in asked.bundles)
        return back_translation(list(train.texts), there, back)
    return build_way(asked, synonyms=synonyms)


def _translator(bundle: Path, settings: TrainSettings) -> Translate:
    predictor = load_predictor(bundle, threads=settings.threads)
    return lambda texts: [str(text) for text in predictor.predict(list(texts)).predicted]


def _synonyms(
    train: Rows, asked: list[Augmentation], settings: TrainSettings
) -> tuple[dict[str, list[str]], list[str]]:
    if not any(each.needs_synonyms for each in asked):
        return {}, []
    try:
        neighbours = _of_transformer("word_neighbours", asked[0].name)
        return neighbours(_base(train, settings), train.texts), []
    except MissingExtraError:
        if any(each.needs_synonyms and each.name != "eda" for each in asked):
            raise
        return {}, ["eda swapped and dropped words only: near words need metier[train] and a base"]


def _base(train: Rows, settings: TrainSettings) -> Any:
    language = detect_language(train.texts).main_language
    resolve = importlib.import_module("metier.bases.known_bases").resolve_base
    # Words are read, whatever the race does: a base that only writes is for its methods alone.
    return resolve(settings.base if is_for_reading(settings.base) else "auto", language=language)


def _of_transformer(name: str, asked: str) -> Any:
    """Give the function of a module of the same name; torch is loaded only when it is asked for."""
    try:
        return getattr(importlib.import_module(f"metier.transformer.{name}"), name)
    except ModuleNotFoundError:
        raise MissingExtraError(f"The augmentation {asked}", extra="train") from None
