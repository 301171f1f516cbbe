"""The cascade of a run's candidates, with its certificate.

Which stages are tried is fixed before anybody looks at an answer, so the certificate pays for one sequence of tests, not
for a choice among many.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from metier.fusion.candidates import Candidates, able_members, stages_for_cascade
from metier.fusion.cascade import export_cascade
from metier.fusion.certificate import CascadeCertificate, certify_cascade
from metier.fusion.ensemble import Chosen, Ensemble


class CascadeRecipe:
    """A cheap stage that answers what the validation rows certify, and an expensive one for the rest."""

    def choose(self, candidates: Candidates) -> Chosen[CascadeCertificate]:
        """Look for a threshold that the validation rows can certify."""
        stages = stages_for_cascade(able_members(candidates))
        if stages is None:
            return Chosen(
                why_dropped="a cascade does not pay here: no candidate costs a third of another or less"
            )
        cheap, big = (candidates.run.probabilities(stage, "validation") for stage in stages)
        wanted = candidates.settings.cascade
        found = certify_cascade(
            cheap, big, candidates.scores.codes, margin=wanted.margin, confidence=wanted.confidence
        )
        if found.threshold is None:
            return Chosen(stages, found, why_dropped=found.reason)
        facts = {"kept_fraction": float(found.kept_fraction), "threshold": float(found.threshold)}
        return Chosen(stages, found, facts=facts)

    def stored(self, fit: CascadeCertificate) -> Mapping[str, Any]:
        """Give a certificate as JSON holds it."""
        return asdict(fit)

    def restored(self, stored: Mapping[str, Any]) -> CascadeCertificate:
        """Read what `stored` gave."""
        return CascadeCertificate(**stored)

    def export(self, fit: CascadeCertificate, folders: Sequence[Path], folder: Path, *, name: str) -> None:
        """Put the stages together."""
        export_cascade(fit, folders, folder, name=name)


class CascadeEnsemble(Ensemble[CascadeCertificate]):
    """An ensemble with a guarantee: the one that can state what it loses."""

    def __init__(self, name: str):
        super().__init__(name, CascadeRecipe())

    @property
    def guarantee(self) -> str | None:
        """What the certificate guarantees; None where no threshold was certified."""
        found = self.fit
        if found is None or found.threshold is None:
            return None
        cheap, big = self.members
        return (
            f"{cheap} answers {found.kept_fraction * 100:.0f} % of rows before one falls through to {big}; "
            f"certified within {found.margin * 100:g} points of it ({found.confidence * 100:g} %)"
        )

    def certificate_facts(self) -> dict[str, Any] | None:
        """What the report says of the certificate, certified or not."""
        found = self.fit
        if found is None:
            return None
        return {
            "stages": list(self.members),
            "threshold": found.threshold,
            "kept_fraction": found.kept_fraction,
            "certificate": asdict(found),
        }
