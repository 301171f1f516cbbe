"""What a roll-out is decided by: how much worse the new version may be, in four ways."""

from collections.abc import Mapping

from metier.errors import CallError, UnknownNameError
from metier.registry.roll_out import Criterion

ERRORS, DISAGREEMENT, CONFIDENCE, CORRECTIONS = "errors", "disagreement", "confidence", "corrections"
# What each bounds, as a share from 0 to 1.
CRITERIA = {
    ERRORS: "how much more often it fails to answer",
    DISAGREEMENT: "how often its answer is another one; of a shadow alone",
    CONFIDENCE: "how much probability its answers lose on average",
    CORRECTIONS: "how much more often feedback says that it is wrong, among answers that got feedback",
}
CANARY_DEFAULTS = {ERRORS: 0.02, CONFIDENCE: 0.05}
SHADOW_DEFAULTS = {ERRORS: 0.01, DISAGREEMENT: 0.1, CONFIDENCE: 0.05}


def build_criteria(
    bounds: Mapping[str, float] | None = None, *, share: float, is_shadow: bool
) -> list[Criterion]:
    """Give the criteria of a roll-out.

    Parameters
    ----------
    bounds : mapping of str to float, optional
        By the names of `CRITERIA`, 0 to 1; None: the usual ones.
    share : float
        Of the callers that the new version answers, above 0 and below 1; of a shadow, up to 1.

    Raises
    ------
    UnknownNameError
        If there is no such criterion.
    CallError
        If a bound or the share is out of range, or a canary is to be decided by disagreement: nobody asks it both.
    """
    if not 0 < share <= 1 or (share == 1 and not is_shadow):
        raise CallError(
            f"The share is {share:g}; expected one above 0 and below 1, such as 0.1, or with --shadow up to 1."
        )
    asked = bounds or (SHADOW_DEFAULTS if is_shadow else CANARY_DEFAULTS)
    return [_criterion(name, bound, share=share, is_shadow=is_shadow) for name, bound in asked.items()]


def read_criteria(text: str) -> dict[str, float]:
    """Read `errors=0.01,confidence=0.05`.

    Raises
    ------
    CallError
        If it has another form.
    """
    bounds = {}
    for part in text.split(","):
        name, _, bound = part.partition("=")
        try:
            bounds[name.strip()] = float(bound)
        except ValueError:
            raise CallError(
                f"The criterion {part.strip()!r} has no bound. Give a name and a share from 0 to 1, such as errors=0.01."
            ) from None
    return bounds


def _criterion(name: str, bound: float, *, share: float, is_shadow: bool) -> Criterion:
    if name not in CRITERIA:
        raise UnknownNameError("criterion", name, known=CRITERIA)
    if not 0 < bound < 1:
        raise CallError(f"The bound of {name} is {bound:g}; expected a share between 0 and 1, such as 0.01.")
    if name == DISAGREEMENT:
        if not is_shadow:
            raise CallError(
                "Only a shadow shows how often both disagree: of a canary each caller meets one version. Add --shadow, or "
                "leave out disagreement."
            )
        return Criterion(name, bound, 0.0, 1.0)
    return Criterion(name, bound) if is_shadow else Criterion(name, bound, -1 / (1 - share), 1 / share)
