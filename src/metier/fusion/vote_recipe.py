"""The vote over the spans of a run's candidates."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from metier.fusion.candidates import Candidates
from metier.fusion.ensemble import Chosen, Ensemble
from metier.fusion.vote import VoteFit, export_vote, join_vote


class VoteRecipe:
    """Every candidate that finds spans votes."""

    def choose(self, candidates: Candidates) -> Chosen[VoteFit]:
        """Fit weights and threshold on the members' validation spans."""
        members = [entry.name for entry in candidates.combinable if not entry.members]
        if len(members) < 2:
            return Chosen(why_dropped="a vote needs at least two candidates")
        folders = [candidates.run.candidate(member) for member in members]
        found = [candidates.run.answers(member, "validation").records for member in members]
        spans = [[record["spans"] for record in records] for records in found]
        fit = join_vote(folders, spans, candidates.scores.targets)
        facts = {
            "weights": dict(zip(members, map(float, fit.weights), strict=True)),
            "threshold": float(fit.threshold),
        }
        return Chosen(members, fit, facts=facts)

    def stored(self, fit: VoteFit) -> Mapping[str, Any]:
        """Give a fit as JSON holds it."""
        return asdict(fit)

    def restored(self, stored: Mapping[str, Any]) -> VoteFit:
        """Read what `stored` gave."""
        return VoteFit.of(stored)

    def export(self, fit: VoteFit, folders: Sequence[Path], folder: Path, *, name: str) -> None:
        """Put the members together."""
        export_vote(fit, folders, folder, name=name)


def vote_ensemble(name: str) -> Ensemble[VoteFit]:
    """Put spans to the vote; see `vote`."""
    return Ensemble(name, VoteRecipe())
