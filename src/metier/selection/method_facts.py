"""What a list tells of the methods: what each does, what it costs beside others, and what it needs.

Methods of ours are told by what the catalogue lists of them, so that none is imported for it; those of plug-ins are asked.
"""

import inspect
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any

from metier import catalogue
from metier.fusion.ensemble import ensemble_factory
from metier.selection.decisions import suits_task
from metier.tasks.method_contract import CostRank
from metier.tasks.task_table import known_task, tasks


@dataclass(frozen=True)
class MethodFacts:
    """What a list tells of a method.

    Parameters
    ----------
    name : str
        Versioned.
    line : str
        What it does.
    cost : CostRank
    base : {"reads", "writes"} or None
        What the pretrained base that it needs has to do.
    extra : str or None
        The extra that it needs.
    is_installed : bool
        Whether that extra is there.
    default_of : tuple of str
        Tasks that compare it unasked.
    suits : bool or None
        Whether it is of the task that was asked for; None where it is not known.
    """

    name: str
    line: str
    cost: CostRank
    base: str | None
    extra: str | None
    is_installed: bool
    default_of: tuple[str, ...]
    suits: bool | None = None


@dataclass(frozen=True)
class Setting:
    """One setting of a method: its name (or several), its type with the default, and what it means."""

    name: str
    kind: str
    meaning: str


def list_methods(task: str | None = None) -> list[MethodFacts]:
    """Give every method, or those of a task and then those that do not say of which they are; cheap ones first.

    Raises
    ------
    UnknownNameError
        If no task has that name.
    """
    if task is None:
        return [method_facts(name) for name in catalogue.names()]
    known_task(task)
    suits = {name: suits_task(name, task) for name in catalogue.names()}
    order = sorted(
        (name for name, one in suits.items() if one is not False), key=lambda name: suits[name] is None
    )
    return [replace(method_facts(name), suits=suits[name]) for name in order]


def method_facts(name: str) -> MethodFacts:
    """Give what a list tells of one method; a name without a version means its newest.

    Raises
    ------
    UnknownNameError
        If there is no such method; the nearest is named.
    """
    name = catalogue.full_name(name)
    extra, stated = catalogue.extra_of(name), catalogue.stated(name)
    homes = [task for task, row in tasks().items() if name in (*row.methods, *row.ensembles)]
    base = stated.base_does if stated.needs_base else None
    return MethodFacts(name, _line(name), stated.cost, base, extra, _is_installed(extra), tuple(homes))


def settings_of(name: str) -> list[Setting]:
    """Give what one method can be set to; what is not listed is read from its signature."""
    name = catalogue.full_name(name)
    if kept := catalogue.listed().get(name):
        return [Setting(*one) for one in kept["settings"]]
    parameters = inspect.signature(_made_by(name)).parameters.values()
    return [
        Setting(one.name, "" if one.default is one.empty else f"default={one.default!r}", "")
        for one in parameters
    ]


def _is_installed(extra: str | None) -> bool:
    own = [package for package, of in catalogue.EXTRAS.items() if of == extra]
    return all(find_spec(package) is not None for package in own)


def _line(name: str) -> str:
    kept = catalogue.listed().get(name)
    return line_of(_made_by(name)) if kept is None else str(kept["line"])


def _made_by(name: str) -> Any:
    """Give the class of a method, or the function that builds an ensemble."""
    is_built = catalogue.is_ensemble(name) and name not in catalogue.METHODS
    return ensemble_factory(name) if is_built else catalogue.resolve(name)


def line_of(method: Any) -> str:
    """Give the first paragraph of a docstring on one line, without the marks of its references."""
    first = " ".join((inspect.getdoc(method) or "").partition("\n\n")[0].split())
    return first.replace("`", "").replace(" [1]_", "").replace(" [2]_", "").rstrip(".")
