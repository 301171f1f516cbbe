"""What the report shows of a cascade: which stage answers what, and what its certificate guarantees."""

from collections.abc import Mapping
from typing import Any

from metier.report import numbers as written
from metier.report.section import Page

# In the sentences already, so not repeated among the figures.
STATED = frozenset({"reason", "margin", "confidence", "threshold", "kept_fraction"})


def cascade_section(page: Page) -> dict[str, Any] | None:
    """Give the sentences and the figures of a cascade, also of one that does not pay; None where none was tried."""
    cascade: Mapping[str, Any] | None = page.report["cascade"]
    if not cascade:
        return None
    certificate = cascade["certificate"] or {}
    figures = [
        (key.replace("_", " "), written.plain(value))
        for key, value in certificate.items()
        if key not in STATED and not isinstance(value, Mapping)
    ]
    if cascade["threshold"] is None:
        reason = certificate.get("reason") or "the rows cannot certify any threshold"
        reason = reason.removeprefix("a cascade does not pay here: ")
        return {"sentences": [f"A cascade does not pay here: {reason.rstrip('.')}."], "facts": figures}
    sentences = [_kept(cascade), *_guarantee(cascade, certificate)]
    return {"sentences": sentences, "facts": [("threshold", written.plain(cascade["threshold"])), *figures]}


def _kept(cascade: Mapping[str, Any]) -> str:
    cheap, expensive = cascade.get("stages") or ("The cheap method", "the next one")
    validation = written.percent(cascade["kept_fraction"], 0)
    on_test = cascade.get("kept_fraction_test")
    kept = f"{validation} of the validation rows"
    if on_test is not None:
        kept = f"{written.percent(on_test, 0)} of the test rows ({validation} of validation)"
    return (
        f"{cheap} answers {kept} itself, where its confidence is high enough, and {expensive} answers the rest."
    )


def _guarantee(cascade: Mapping[str, Any], certificate: Mapping[str, Any]) -> list[str]:
    if certificate.get("margin") is None or certificate.get("confidence") is None:
        return []
    expensive = (cascade.get("stages") or (None, "the big method"))[1]
    sentence = (
        f"The certificate: with {written.percent(certificate['confidence'], 0)} confidence, the cascade is "
        f"at most {written.points(certificate['margin'])} points less accurate than {expensive} alone, on "
        "rows distributed like the validation rows. There is no guarantee for rows whose distribution has "
        "changed."
    )
    reason = certificate.get("reason")
    return [sentence, f"{reason[:1].upper()}{reason[1:].rstrip('.')}."] if reason else [sentence]
