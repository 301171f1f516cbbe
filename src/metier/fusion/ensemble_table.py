"""The ensembles by their versioned names. A plug-in adds rows through the entry point group `metier.ensembles`.

An ensemble is added with one file and one row: what is called with the name and gives an `ensemble.Builder`, most
easily `ensemble.Ensemble` with a recipe. Which kinds of answers it suits is said by the answer kind.
"""

import pkgutil
from collections.abc import Callable

from metier.errors import UnknownNameError
from metier.fusion.ensemble import Builder
from metier.plug_ins import plug_ins

GROUP = "metier.ensembles"
ENSEMBLES = {
    "average.v1": "metier.fusion.average_recipes:average_of_labels",
    "cascade.v1": "metier.fusion.cascade:CascadeEnsemble",
    "vote.v1": "metier.fusion.vote:vote_ensemble",
    "retrieve_read.v1": "metier.fusion.retrieve_read:retrieve_read_ensemble",
    "retrieve_rerank.v1": "metier.fusion.search_ensemble:search_ensemble",
    "label_average.v1": "metier.fusion.average_recipes:average_of_sets",
    "score_average.v1": "metier.fusion.average_recipes:average_of_scores",
    "distilled.v1": "metier.selection.execution.distilling:Distilled",
}


def ensembles() -> dict[str, str]:
    """Give the dotted path of every ensemble by its name: ours, then the plug-ins'."""
    added = {name: path for name, path in plug_ins(GROUP).items() if name not in ENSEMBLES}
    return {**ENSEMBLES, **added}


def ensemble_builder(name: str) -> Builder:
    """Give what makes an ensemble; raises `UnknownNameError` if no ensemble has that name."""
    return ensemble_factory(name)(name)


def ensemble_factory(name: str) -> Callable[[str], Builder]:
    """Give what is called with the name of an ensemble; its docstring is the page of the ensemble.

    Raises
    ------
    UnknownNameError
        If no ensemble has that name.
    """
    known = ensembles()
    if name not in known:
        raise UnknownNameError("ensemble", name, known=known)
    factory: Callable[[str], Builder] = pkgutil.resolve_name(known[name])
    return factory
