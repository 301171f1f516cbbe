"""Which pretrained bases a run stands on, as its settings name them: found, or refused, before any work."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from metier.bases.adaptation import check_fits
from metier.bases.image_base import image_base
from metier.bases.known_base import known_base
from metier.bases.known_bases import (
    find_folder,
    installed_for,
    is_for_reading,
    names_for,
    resolve_base,
    suits,
    unread_note,
)
from metier.bases.torch_free_writers import torch_note
from metier.errors import MissingExtraError, SettingsError
from metier.selection.base_kinds import BASE_KINDS, COMPARED, EVERY
from metier.selection.settings import TrainSettings
from metier.tasks.method_contract import Capabilities
from metier.text.language import LanguageMix


def check_base(stated: dict[str, Capabilities], settings: TrainSettings) -> None:
    """Refuse a base that only methods of another kind could stand on: it would be left out silently."""
    _check_bases_by_kind(settings)
    base = settings.base
    needing = {name: one for name, one in stated.items() if one.needs_base}
    if base == "auto" or not needing or any(suits(base, one.base_does) for one in needing.values()):
        return
    does = next((one for one in ("reads", "writes", "sees", "hears") if suits(base, one)), "reads")
    kinds = (does, next(iter(needing.values())).base_does)
    raise SettingsError(
        [
            f"base is {base!r}, which {kinds[0]}, and a base that {kinds[1]} is what {', '.join(needing)} can stand "
            "on; give another with --base, or other --candidates"
        ],
        origin="The settings",
    )


def compared_bases(stated: dict[str, Capabilities], settings: TrainSettings) -> dict[str, tuple[str, ...]]:
    """Give the bases that are to be compared, by what the candidates do with them; each is found before any work.

    Raises
    ------
    SettingsError
        If a base is for none of the candidates, or there is only one to compare.
    """
    if not settings.compare_bases:
        return {}
    needed = [
        one for one in COMPARED if any(each.needs_base and each.base_does == one for each in stated.values())
    ]
    named = [name for name in settings.compare_bases if name != EVERY]
    found = {
        does: tuple(
            dict.fromkeys(
                [
                    *(name for name in named if suits(name, does)),
                    *(installed_for(COMPARED[does]) if EVERY in settings.compare_bases else ()),
                ]
            )
        )
        for does in needed
    }
    _check_compared(named, found, settings)
    return {does: names for does, names in found.items() if names}


def _check_compared(named: Sequence[str], found: dict[str, tuple[str, ...]], settings: TrainSettings) -> None:
    """Refuse what cannot be compared; a base that is not on this machine or not installed raises its own error."""
    used = {name for names in found.values() for name in names}
    faults = [
        f"compare_bases has {name!r}, and no candidate can stand on it; leave it out, or add --candidates that can"
        for name in named
        if name not in used
    ]
    if settings.base != "auto":
        faults.append(
            f"base is {settings.base!r} and compare_bases {', '.join(settings.compare_bases)}; keep one of them"
        )
    if not faults and max(map(len, found.values()), default=0) < 2:
        there = ", ".join(sorted(used)) or "none"
        faults.append(
            f"compare_bases is {', '.join(settings.compare_bases)}, and there is {there} to compare; name two or more, "
            "folders too, or leave it out"
        )
    for name in found.get("reads", ()):
        resolve_base(name)
    for name in found.get("sees", ()):
        image_base(name)
    for name in found.get("writes", ()):
        known = known_base(name)
        if known is None:
            find_folder(name, use="writer")
        else:
            known.folder()
    if faults:
        raise SettingsError(faults, origin="The settings")


def _check_bases_by_kind(settings: TrainSettings) -> None:
    """Refuse a base that cannot do what it is named for; one that is not on this machine is found out later."""
    faults = []
    for does, kind in BASE_KINDS.items():
        name = settings.bases.get(kind, "auto")
        is_here = known_base(name) is not None or Path(name).is_dir()
        if name != "auto" and is_here and not suits(name, does):
            found = next((one for one in BASE_KINDS if suits(name, one)), None)
            which = f"which {found}" if found else "which is none"
            faults.append(
                f"the base for {kind} is {name!r}, {which}; give one that {does} with --base {kind}=NAME"
            )
    if faults:
        raise SettingsError(faults, origin="The settings")


def base_for_reading(
    stated: Sequence[Capabilities], language: str, settings: TrainSettings, compared: Sequence[str]
) -> str:
    """Find the base once for all encoder methods, and refuse an adaptation that is too large for it.

    Of several that are compared the first stands for all until one is taken.
    """
    reading = [one for one in stated if one.needs_base and one.base_does == "reads"]
    if (
        compared
        and reading
        and settings.adaptation is not None
        and any(one.takes_adaptation for one in reading)
    ):
        for name in compared:
            check_fits(settings.adaptation, resolve_base(name))
    named = compared[0] if compared else settings.base_that("reads")
    wanted = named if is_for_reading(named) else "auto"
    if not reading:
        return wanted
    try:
        base = resolve_base(wanted, language=language)
    except MissingExtraError:  # Each method that needs it is dropped with that reason.
        return wanted
    if settings.adaptation is not None and any(one.takes_adaptation for one in reading):
        check_fits(settings.adaptation, base)
    return base.name


def base_notes(
    stated: Sequence[Capabilities],
    reading: str,
    mix: LanguageMix,
    settings: TrainSettings,
    compared: Mapping[str, Sequence[str]],
) -> tuple[str, ...]:
    """Say of each base that a candidate stands on what `notes_of` says; of those that are compared once one is taken."""
    named, writers = settings.base_that("writes"), names_for("writer")
    writing = writers[:1] if named == "auto" or not suits(named, "writes") else [named]
    bases = {"writes": writing, "reads": [reading], "sees": [], "hears": []}
    used = dict.fromkeys(one.base_does for one in stated if one.needs_base)
    return tuple(
        dict.fromkeys(
            note
            for does in used
            if does not in compared
            for name in bases[does]
            for note in notes_of(does, name, mix)
        )
    )


def notes_of(does: str, name: str, mix: LanguageMix) -> tuple[str, ...]:
    """Say which rows a base does not read, and of one that writes whether answers will need torch."""
    if does not in ("reads", "writes"):
        return ()
    notes = (unread_note(name, mix), torch_note(name) if does == "writes" else None)
    return tuple(note for note in notes if note is not None)
