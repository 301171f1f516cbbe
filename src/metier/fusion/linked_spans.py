"""A tagger and a knowledge graph in one bundle: each span that is found is linked to the concept that it means."""

from pathlib import Path

from metier.features.concept_linking import ConceptLinker
from metier.fusion.composition import place_member
from metier.predictors.composite.linked_spans import CONCEPTS_FILE, KIND
from metier.predictors.loading import read_settings, write_settings


def export_linked(tagger: Path, linker: ConceptLinker, folder: Path, *, name: str = KIND) -> None:
    """Put an exported tagger and a linker together into a folder that `predictors.composite.linked_spans` answers from.

    Parameters
    ----------
    tagger : Path
        Folder that a method of named entities was exported to, or a bundle.
    linker : ConceptLinker
        Its settings chosen on mentions with known concepts (`fitted`), or as they are.
    folder : Path
        Made if need be.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stage = place_member(tagger, folder, "stages/tagger")
    linker.save(folder / CONCEPTS_FILE)
    labels = read_settings(tagger)["labels"]
    write_settings(folder, {"kind": KIND, "name": name, "labels": labels, "stages": [stage]})
