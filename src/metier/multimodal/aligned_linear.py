"""Texts and images in one space by canonical correlation: closed form, no epochs."""

from itertools import product
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from metier.multimodal.alignment import AlignedSearch, AlignmentSettings, PairedVectors
from metier.multimodal.canonical_correlation import CanonicalCorrelation
from metier.predictors.composite.cross_modal_search import Projections
from metier.progress import Listener, Progress
from metier.tasks.method_contract import Capabilities, CostRank
from metier.tasks.method_settings import with_settings

PENALTIES, SIZES = (0.01, 0.1, 1.0, 10.0), (32, 128)
USUAL_PENALTY, USUAL_SIZE = 1.0, 128
MOST_PAIRS = 20_000  # That the covariance is computed from, evenly; more move it by nothing.
SECONDS = 5.0


class AlignedLinearSettings(AlignmentSettings):
    """Settings of an alignment by canonical correlation."""

    penalty: float | None = Field(
        None, gt=0, description="Strength of the ridge, in mean variances; None: chosen on validation."
    )
    size: int | None = Field(
        None, ge=1, description="Numbers of a vector in the common space; None: chosen on validation."
    )


@with_settings(AlignedLinearSettings)
class AlignedLinear(AlignedSearch):
    """Frozen vectors of texts and of images, brought into one space by regularised canonical correlation [1]_.

    Learns in seconds from some hundred pairs, and is hard to beat below some thousand. What it finds for texts about
    things that no training row shows is limited by what the two bases have in common, which is little.

    References
    ----------
    .. [1] Hotelling, "Relations between two sets of variates", 1936.
    """

    name = "aligned_linear.v1"
    capabilities: ClassVar[Capabilities] = Capabilities(cost=CostRank.FROZEN, needs_base=True)
    penalty: float | None
    size: int | None

    def _learn(
        self, known: PairedVectors, held: PairedVectors | None, listener: Listener
    ) -> tuple[Projections, dict[str, Any], dict[str, Any]]:
        found = closed_form(known)
        options = [(USUAL_PENALTY if self.penalty is None else self.penalty, self.size or USUAL_SIZE)]
        if held is not None:
            options = list(product(_tried(self.penalty, PENALTIES), _tried(self.size, SIZES)))
        best: tuple[float, Projections, dict[str, Any]] | None = None
        for number, (penalty, size) in enumerate(options):
            listener(Progress(f"{self.name}: trying", number, len(options), unit="settings"))
            projections = known.projections(*found.projections(size=size, penalty=penalty))
            score = 0.0 if held is None else held.reciprocal_rank(projections)
            if best is None or score > best[0]:
                best = score, projections, {"penalty": penalty, "size": size}
        assert best is not None  # There is at least one option.
        facts = {} if held is None else {"validation_reciprocal_rank": round(best[0], 4)}
        return best[1], best[2], facts

    def _learning_seconds(self, n_queries: int) -> float:
        return SECONDS


def closed_form(known: PairedVectors) -> CanonicalCorrelation:
    """Give the canonical correlation of known pairs."""
    query, answer = known.pairs
    picked = np.arange(0, len(query), max(1, len(query) // MOST_PAIRS))
    return CanonicalCorrelation(known.queries[query[picked]], known.answers[answer[picked]])


def _tried(given: Any, options: tuple[Any, ...]) -> tuple[Any, ...]:
    return options if given is None else (given,)
