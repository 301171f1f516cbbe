"""What a list tells of the methods: what each does, what it costs beside others, and what it needs."""

import ast
import inspect
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from metier import catalogue
from metier.errors import MissingExtraError
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
    cost : CostRank or None
        None where the method cannot be asked, since its extra is missing.
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
    cost: CostRank | None
    base: str | None
    extra: str | None
    is_installed: bool
    default_of: tuple[str, ...]
    suits: bool | None = None


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
    """Give what a list tells of one method."""
    extra = catalogue.extra_of(name)
    homes = [task for task, row in tasks().items() if name in (*row.candidates, *row.ensembles)]
    try:
        stated = catalogue.capabilities(name)
    except MissingExtraError:
        return MethodFacts(name, _line_of_source(name), None, None, extra, False, tuple(homes))
    base = None if not stated.needs_base else "writes" if stated.writes else "reads"
    return MethodFacts(name, _line(name), stated.cost, base, extra, True, tuple(homes))


def _line(name: str) -> str:
    is_built = catalogue.is_ensemble(name) and name not in catalogue.METHODS
    found = ensemble_factory(name) if is_built else catalogue.resolve(name)
    return _sentence(inspect.getdoc(found))


def _line_of_source(name: str) -> str:
    """Read the line of a method whose module cannot be imported here."""
    module, _, own = catalogue.METHODS.get(name, "").partition(":")
    place = find_spec(module) if module else None
    if place is None or place.origin is None:
        return ""
    tree = ast.parse(Path(place.origin).read_text(encoding="utf-8"))
    classes = [one for one in tree.body if isinstance(one, ast.ClassDef) and one.name == own]
    return _sentence(ast.get_docstring(classes[0]) if classes else None)


def _sentence(text: str | None) -> str:
    """The first paragraph on one line, without the marks of its references."""
    first = " ".join((text or "").partition("\n\n")[0].split())
    return first.replace("`", "").replace(" [1]_", "").replace(" [2]_", "").rstrip(".")
