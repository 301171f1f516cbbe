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
    say, certificate = page.say, cascade["certificate"] or {}
    figures = [
        (key.replace("_", " "), say.told(written.plain(value, say)))
        for key, value in certificate.items()
        if key not in STATED and not isinstance(value, Mapping)
    ]
    figures = [(say(name), value) for name, value in figures]
    if cascade["threshold"] is None:
        reason = certificate.get("reason") or "the rows cannot certify any threshold"
        reason = say.told(reason.removeprefix("a cascade does not pay here: ").rstrip("."))
        sentence = say("A cascade does not pay here: {reason}.", reason=reason)
        return {"sentences": [sentence], "facts": figures}
    sentences = [_kept(page, cascade), *_guarantee(page, cascade, certificate)]
    return {
        "sentences": sentences,
        "facts": [(say("threshold"), written.plain(cascade["threshold"])), *figures],
    }


def _kept(page: Page, cascade: Mapping[str, Any]) -> str:
    say = page.say
    cheap, expensive = cascade.get("stages") or (say("The cheap method"), say("the next one"))
    facts = {"cheap": cheap, "expensive": expensive, "validation": written.percent(cascade["kept_fraction"], 0)}
    on_test = cascade.get("kept_fraction_test")
    if on_test is None:
        return say(
            "{cheap} answers {validation} of the validation rows itself, where its confidence is high enough, and "
            "{expensive} answers the rest.",
            **facts,
        )
    return say(
        "{cheap} answers {test} of the test rows ({validation} of validation) itself, where its confidence is high "
        "enough, and {expensive} answers the rest.",
        test=written.percent(on_test, 0),
        **facts,
    )


def _guarantee(page: Page, cascade: Mapping[str, Any], certificate: Mapping[str, Any]) -> list[str]:
    if certificate.get("margin") is None or certificate.get("confidence") is None:
        return []
    say = page.say
    sentence = say(
        "The certificate: with {confidence} confidence, the cascade is at most {margin} less accurate than {expensive} "
        "alone, on rows distributed like the validation rows, before any refit. There is no guarantee for rows whose "
        "distribution has changed.",
        confidence=written.percent(certificate["confidence"], 0),
        margin=page.points(certificate["margin"]),
        expensive=(cascade.get("stages") or (None, say("the big method")))[1],
    )
    reason = say.told((certificate.get("reason") or "").rstrip("."))
    return [sentence, f"{reason[:1].upper()}{reason[1:]}."] if reason else [sentence]
