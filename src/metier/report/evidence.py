"""What answers rest on: the parts of images that raise them, and the words that raise or lower them."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from metier.report import numbers as written
from metier.report.section import Page
from metier.report.words import Words

MAPS = {"occlusion": "parts covered in turn", "grad_cam": "Grad-CAM"}
STRONGEST = 0.65  # Opacity of the part that adds most.
LEAST = 1e-3  # In log-odds or scores; less is rounding.
FAINTEST = 0.04  # Of what is drawn, as a share of that.
LEGEND = (
    "Orange raises {what}, and blue lowers it, the stronger the colour the more. A part of an image was covered, or a word "
    "left out, and the model asked again. What stands twice is missed, and a map says where a model looks, not that "
    "it is right."
)


def evidence_section(page: Page) -> dict[str, Any] | None:
    """Give what some answers of the recommended candidate rest on; None where rows have no images."""
    rows = page.report.get("evidence")
    if not rows:
        return None
    say = page.say
    return {
        "finding": say(
            "{n} answer(s|) of {name} to the {split} rows, mistakes first: the parts of images and words each rests on.",
            n=len(rows),
            name=page.report["recommended"],
            split=say(page.split),
        ),
        "legend": legend(say, is_label=rows[0]["label"] is not None),
        "rows": [drawn(one, say) | {"said": _row(one, page)} for one in rows],
    }


def legend(say: Words, *, is_label: bool) -> str:
    """Say how the colours are read."""
    return say(LEGEND, what=say("the predicted label") if is_label else say("the number"))


def _row(one: Mapping[str, Any], page: Page) -> str:
    say = page.say
    return say(
        "row {row} of {split}: {truth}, predicted {predicted}",
        row=written.count(one["row"]),
        split=say(page.split),
        truth=one["truth"],
        predicted=answered(one, say),
    )


def answered(one: Mapping[str, Any], say: Words) -> str:
    """Write the answer that is explained, with its probability where it has one."""
    if one.get("spans"):
        return say("; ").join(
            f"{one['text'][span['start'] : span['end']]} = {span['label']} ({written.percent(span['probability'])})"
            for span in one["spans"]
        )
    if one["label"] is None:
        return f"{one['score']:.3g}"
    chance = one["answer"].get("probability")
    is_answer = one["answer"].get("label") == one["label"] and chance is not None
    return (
        say("{label} ({chance})", label=one["label"], chance=written.percent(chance))
        if is_answer
        else one["label"]
    )


def drawn(one: Mapping[str, Any], say: Words) -> dict[str, Any]:
    """Give the images with their maps, and the text with the weight of each word, 0 to 1 or below 0."""
    pictures = [picture for image in one["images"] for picture in _pictures(image, say)]
    language = "zh" if any("\u3400" <= sign <= "\u9fff" for sign in one["text"]) else "en"
    return {"pictures": pictures, "words": weighted(one), "language": language}


def _pictures(image: Mapping[str, Any], say: Words) -> list[dict[str, Any]]:
    """Give an image as it is, and once for each map that says something."""
    maps = {name: image["maps"][name] for name in MAPS if name in image["maps"]}
    shown = {name: cells for name, cells in maps.items() if max(map(max, cells)) > LEAST}
    name = image["name"]
    caption = name if shown else say("{name}: no part of it raises the answer", name=name)
    return [
        {"drawn": heat_map(image, []), "caption": caption},
        *({"drawn": heat_map(image, cells), "caption": say(MAPS[name])} for name, cells in shown.items()),
    ]


def weighted(one: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Cut a text into its words and what is between them; what is between has no weight."""
    most = max((abs(word["contribution"]) for word in one["words"]), default=0.0) or 1.0
    parts, place, text = [], 0, one["text"]
    for word in one["words"]:
        if place < word["start"]:
            parts.append({"text": text[place : word["start"]], "weight": 0.0, "said": ""})
        weight = word["contribution"] / most
        parts.append({"text": word["text"], "weight": weight, "said": f"{word['contribution']:+.2f}"})
        place = word["end"]
    if place < len(text):
        parts.append({"text": text[place:], "weight": 0.0, "said": ""})
    return parts


def heat_map(image: Mapping[str, Any], cells: Sequence[Sequence[float]]) -> Markup:
    """Draw an image and over it the parts that raise the answer."""
    width, height, most = image["width"], image["height"], max((max(row) for row in cells), default=0.0)
    drawn = [
        Markup('<svg viewBox="0 0 {w} {h}" width="{w}" height="{h}" role="img" aria-label="{name}">').format(
            w=width, h=height, name=image["name"]
        ),
        Markup('<image href="{}" width="{}" height="{}" preserveAspectRatio="none"/>').format(
            image["uri"], width, height
        ),
    ]
    for row, values in enumerate(cells):
        for column, value in enumerate(values):
            share = value / most if most > 0 else 0.0
            if share > FAINTEST:
                drawn.append(_cell(row, column, (len(cells), len(values)), (width, height), share))
    return Markup("").join([*drawn, Markup("</svg>")])


def _cell(row: int, column: int, shape: tuple[int, int], size: tuple[int, int], share: float) -> Markup:
    high, wide = size[1] / shape[0], size[0] / shape[1]
    place = f'x="{column * wide:.1f}" y="{row * high:.1f}" width="{wide:.1f}" height="{high:.1f}"'
    return Markup(f'<rect {place} opacity="{STRONGEST * share:.2f}"/>')  # noqa: S704  # Numbers alone.
