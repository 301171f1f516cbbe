"""A run's reader, given only the best windows of a passage."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from metier.fusion.candidates import Candidates
from metier.fusion.ensemble import Chosen, Ensemble
from metier.fusion.retrieve_read import RetrieveReadFit, export_retrieve_read, fit_retrieve_read

READER = "reader.v1"


class RetrieveReadRecipe:
    """A reader that reads as many windows of a passage as pay."""

    def choose(self, candidates: Candidates) -> Chosen[RetrieveReadFit]:
        """Choose how many windows are read on the validation rows."""
        if not any(entry.name == READER for entry in candidates.combinable):
            return Chosen(why_dropped=f"it needs {READER}, which was not trained")
        folder = candidates.run.candidate(READER)
        fit = fit_retrieve_read(folder, candidates.validation_items, candidates.scores.targets)
        if fit.n_windows >= fit.most_windows:
            why = (
                f"reading fewer windows does not pay here: the longest of {fit.rows} passages has "
                f"{fit.most_windows}, and leaving any out costs F1"
            )
            return Chosen([READER], fit, why_dropped=why)
        return Chosen([READER], fit, facts={"n_windows": fit.n_windows, "read_fraction": fit.read_fraction})

    def stored(self, fit: RetrieveReadFit) -> Mapping[str, Any]:
        """Give a fit as JSON holds it."""
        return asdict(fit)

    def restored(self, stored: Mapping[str, Any]) -> RetrieveReadFit:
        """Read what `stored` gave."""
        return RetrieveReadFit(**stored)

    def export(self, fit: RetrieveReadFit, folders: Sequence[Path], folder: Path, *, name: str) -> None:
        """Put the reader and the number of windows together."""
        export_retrieve_read(fit, folders[0], folder, name=name)


def retrieve_read_ensemble(name: str) -> Ensemble[RetrieveReadFit]:
    """Put a search for the best windows of a passage before the reader that reads them.

    BM25 ranks the windows of a passage by the question, and `reader.v1` reads the first of them. How many is chosen on
    validation: the smallest number that the paired test does not show to be worse than reading all, and that loses a
    point of F1 at most. Where no number below all of them will do, it is dropped with that reason.

    Pays where passages are long. The choice says nothing of passages much longer than those of the validation rows.
    """
    return Ensemble(name, RetrieveReadRecipe())
