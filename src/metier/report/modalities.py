"""Whether the second modality pays: what each adds to the other, and what it costs to drop one."""

from collections.abc import Mapping
from typing import Any

from metier.report import numbers as written
from metier.report.section import Page

READS = {"text": "its text alone", "image": "its image alone", "joint": "both together"}
SHOWN_AS = {"both": "text and image", "text": "the text alone", "image": "the image alone"}


def modalities_section(page: Page) -> dict[str, Any] | None:
    """Give the verdict on each modality; None where rows have no text with an image, or a joint candidate is missing."""
    facts = page.report.get("modalities")
    if not facts or not facts["gains"]:
        return None
    scale = written.scale_of(page.report, facts["metric"])
    first, *others = [_verdict(page, facts, gain, scale) for gain in facts["gains"]]
    return {
        "finding": first,
        "sentences": [
            *others,
            page.say(
                "Compared on the {rows} test rows that have a text and an image; which candidate stands for each was "
                "chosen on the validation rows.",
                rows=written.count(facts["rows"]),
            ),
        ],
        "tables": [_best(page, facts, scale), *_dropped(page, facts, scale)],
    }


def _verdict(page: Page, facts: Mapping[str, Any], gain: Mapping[str, Any], scale: written.Scale) -> str:
    """Say whether a modality adds anything, by how much and at what cost."""
    say, best = page.say, facts["best"]
    alone = best["text" if gain["modality"] == "image" else "image"]
    values = {
        "gap": _gap(page, gain["difference"], scale),
        "bounds": f"[{scale.signed(gain['low'])}, {scale.signed(gain['high'])}]",
        "metric": page.named(facts["metric"]),
        "joint": best["joint"]["name"],
        "alone": alone["name"],
        "p": page.adjusted_p(gain["p_value"]),
    }
    is_image = gain["modality"] == "image"
    if gain["gain"] == "adds":
        sentence = say(
            "The image adds {gap} {bounds} of {metric}: {joint} against {alone}, the best on texts alone ({p})."
            if is_image
            else "The text adds {gap} {bounds} of {metric}: {joint} against {alone}, the best on images alone ({p}).",
            **values,
        )
    elif gain["gain"] == "takes":
        sentence = say(
            "With the image it is worse: {gap} {bounds} of {metric}, {joint} against {alone}, the best on texts alone "
            "({p})."
            if is_image
            else "With the text it is worse: {gap} {bounds} of {metric}, {joint} against {alone}, the best on images alone "
            "({p}).",
            **values,
        )
    else:
        sentence = say(
            "The image is not shown to add anything: {gap} {bounds} of {metric}, {joint} against {alone}, the best on "
            "texts alone ({p})."
            if is_image
            else "The text is not shown to add anything: {gap} {bounds} of {metric}, {joint} against {alone}, the best on "
            "images alone ({p}).",
            **values,
        )
    cost = say(
        "It costs {joint_ms} a row instead of {alone_ms}, and {joint_size} on disk instead of {alone_size}.",
        joint_ms=written.milliseconds(best["joint"]["latency_ms"]),
        alone_ms=written.milliseconds(alone["latency_ms"]),
        joint_size=written.size(best["joint"]["size_bytes"]),
        alone_size=written.size(alone["size_bytes"]),
    )
    return say.joined([sentence, cost])


def _gap(page: Page, difference: float, scale: written.Scale) -> str:
    gap = scale.signed(difference)
    return page.say("{points} points", points=gap) if scale.is_fraction else gap


def _best(page: Page, facts: Mapping[str, Any], scale: written.Scale) -> dict[str, Any]:
    say = page.say
    return {
        "title": say("The best candidate that reads of a row"),
        "columns": [
            (say("reads"), False),
            (say("candidate"), False),
            (page.named(facts["metric"]) + scale.unit, True),
            (say("interval"), True),
            (say("one row"), True),
            (say("size"), True),
        ],
        "rows": [
            [
                say(READS[reads]),
                one["name"],
                *_figure(one["figure"], scale),
                written.milliseconds(one["latency_ms"]),
                written.size(one["size_bytes"]),
            ]
            for reads, one in facts["best"].items()
        ],
    }


def _dropped(page: Page, facts: Mapping[str, Any], scale: written.Scale) -> list[dict[str, Any]]:
    """Give the table of the joint candidate's answers where one of the two is missing."""
    dropped, say = facts["dropped"], page.say
    if dropped is None:
        return []
    return [
        {
            "title": say(
                "What {name} answers to {rows} rows when one of the two is missing",
                name=dropped["name"],
                rows=written.count(dropped["rows"]),
            ),
            "columns": [
                (say("is shown"), False),
                (page.named(facts["metric"]) + scale.unit, True),
                (say("interval"), True),
                (say("lost against both"), True),
                (say("interval"), True),
            ],
            "rows": [
                [say(SHOWN_AS[case]), *_figure(figure, scale), *_lost(dropped, case, scale)]
                for case, figure in dropped["figures"].items()
            ],
        }
    ]


def _lost(dropped: Mapping[str, Any], case: str, scale: written.Scale) -> list[str]:
    """Give by how much both are better than a case, and the interval of that; blank for both themselves."""
    lost = dropped.get("lost", {}).get(case)
    if lost is None:
        return ["", ""]
    return [scale.signed(lost["difference"]), f"[{scale.signed(lost['low'])}, {scale.signed(lost['high'])}]"]


def _figure(figure: Mapping[str, Any], scale: written.Scale) -> list[str]:
    decimals = scale.decimals(figure)
    return [scale.bare(figure["value"], decimals), scale.bounds(figure, decimals)]
