"""One explanation as a page of its own: what `metier explain --out` writes."""

from collections.abc import Mapping
from typing import Any

from metier.report.evidence import answered, drawn, legend
from metier.report.page import environment, safe_page
from metier.report.words import Words

STRONGEST = 12  # Words that are listed.
COLOURS = "Orange raises {what}, and blue lowers it, the stronger the colour the more."
# How the words were weighed, where that was not by leaving them out.
HOW = {
    "linear": "Each word has its exact part of what a linear model adds up.",
    "shapley": (
        "What a word adds is averaged over orders in which words join the text; the standard error stands beside it."
    ),
    "gradient_x_input": (
        "A word has the gradient of the score at it, times the word itself: what a small change would do. The parts add "
        "up to nothing in particular."
    ),
    "integrated_gradients": (
        "A word has the mean gradient along the way from a text of masks, times the way. The words should add up to the "
        "score less {baseline}, that of the masks; they miss {gap}."
    ),
    "attention_rollout": (
        "The stronger the colour, the larger the share of attention: from which words information may flow into the "
        "vector of the text, whatever the label. It does not say why the answer is what it is."
    ),
}
UNCOLOURED = ("attention_rollout",)


def render_explanation(facts: Mapping[str, Any], *, model: str, language: str = "en") -> str:
    """Give the page of an explanation.

    Parameters
    ----------
    facts : mapping
        What `Explanation.as_dict` gives.
    model : str
        Which model answered.
    language : {"en", "zh"}
        Of the page's own words.

    Returns
    -------
    str
        A whole HTML document; write it as UTF-8.
    """
    say = Words(language)
    view = {
        "page_language": "zh-CN" if language == "zh" else language,
        "model": model,
        "title": answered(facts, say),
        "lead": say("What the answer rests on"),
        "legend": how(facts, say),
        "caption": caption(facts, say),
        "strongest": strongest(facts),
        **drawn(facts, say),
    }
    return safe_page(environment().get_template("explanation.html.jinja").render(view=view, say=say))


def how(facts: Mapping[str, Any], say: Words) -> str:
    """Say how the colours are read, and how words were weighed."""
    is_label = facts["label"] is not None
    if facts["method"] not in HOW or facts["images"]:
        return legend(say, is_label=is_label)
    figures = {name: f"{facts[name]:.3f}" for name in ("baseline", "gap") if facts[name] is not None}
    said = say(HOW[facts["method"]], **figures)
    if facts["method"] in UNCOLOURED:
        return said
    what = say("the predicted label") if is_label else say("the number")
    return say.joined([say(COLOURS, what=what), said])


def caption(facts: Mapping[str, Any], say: Words) -> str:
    """Say what the numbers beside the words are, with their unit."""
    unit = say(facts["words_unit"])
    if facts["method"] in UNCOLOURED:
        return unit
    if facts["method"] in HOW:
        return say("Part of the {unit}", unit=unit)
    return say("Change of the {unit} where it is left out", unit=unit)


def strongest(facts: Mapping[str, Any], most: int = STRONGEST) -> list[dict[str, Any]]:
    """Give the words that change the answer most, with by how much, and the standard error of what is drawn."""
    ranked = sorted(facts["words"], key=lambda word: -abs(word["contribution"]))[:most]
    return [
        {
            "text": word["text"],
            "said": f"{word['contribution']:+.3f}".replace("-", "−"),
            "error": word.get("error"),
        }
        for word in ranked
    ]
