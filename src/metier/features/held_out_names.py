"""Names of concepts hidden from a linker, to see whether it finds the concept by what else it knows of it.

Of some concepts with several names one is hidden, and others are left out whole: their names mean none of the concepts
that stay. So a threshold can be chosen, and a linker measured, without a labelled mention.
"""

from typing import NamedTuple

import numpy as np

from metier.data.knowledge import KnowledgeGraph
from metier.features.concept_linking import ConceptLinker, Mention
from metier.features.gazetteer import phrase_key

NIL_FRACTION = 0.2  # Of the mentions whose concept is left out.


class HiddenNames(NamedTuple):
    """A linker that does not know some names, these names as mentions, and the concept of each; None: left out."""

    linker: ConceptLinker
    mentions: list[Mention]
    truth: list[str | None]


def hide_names(graph: KnowledgeGraph, *, most: int = 2_000, random_state: int = 0) -> HiddenNames:
    """Hide one further name of each concept that has some, and leave a fifth of these concepts out whole.

    Parameters
    ----------
    most : int
        Most concepts of which a name is hidden.
    random_state : int

    Returns
    -------
    HiddenNames
        Empty lists where no concept has a further name of its own.
    """
    random = np.random.default_rng(random_state)
    owners: dict[str, set[str]] = {}
    for concept in graph.concepts.values():
        for name in concept.names:
            owners.setdefault(phrase_key(name), set()).add(concept.id)
    own_names = {
        concept.id: [name for name in concept.names[1:] if len(owners[phrase_key(name)]) == 1]
        for concept in graph.concepts.values()
    }
    able = [concept for concept, names in own_names.items() if names]
    chosen = [able[place] for place in random.permutation(len(able))[:most]]
    left_out = set(chosen[: round(NIL_FRACTION * len(chosen))])
    hidden = {concept: str(random.choice(own_names[concept])) for concept in chosen}
    kept = [one for one in graph.concepts.values() if one.id not in left_out]
    linker = ConceptLinker(
        [one.id for one in kept],
        [[name for name in one.names if name != hidden.get(one.id)] for one in kept],
        [graph.described(one.id).replace(hidden.get(one.id, "\0"), "") for one in kept],
    )
    mentions = [Mention(name, 0, len(name)) for name in hidden.values()]
    return HiddenNames(linker, mentions, [None if one in left_out else one for one in hidden])
