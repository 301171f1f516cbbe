"""The lines that rebuild an exported encoder in plain transformers: one template, filled with what a predictor keeps.

Tests run the lines as they stand and compare what they give with the predictor's answers.
"""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2

TEMPLATES = Path(__file__).with_name("templates")
# Kind of predictor: what is asked, how the head is fed (None: the settings say it), what the lines end in.
FACTS: Mapping[str, tuple[str, str | None, str]] = {
    "onnx_encoder.v1": ("texts", "whole", "label"),
    "onnx_pair_encoder.v1": ("pairs", "whole", "label"),
    "onnx_bi_encoder.v1": ("texts", "compared", "label"),
    "onnx_relation.v1": ("texts", "marked", "label"),
    "onnx_many_labels.v1": ("texts", None, "logits"),
    "onnx_grader.v1": ("texts", None, "logits"),
    "onnx_scorer.v1": ("texts", None, "logits"),
    "onnx_tagger.v1": ("texts", "tokens", "tags"),
    "onnx_reader.v1": ("questions", "tokens", "span"),
    "onnx_sentences.v1": ("texts", "vectors", "rating"),
}


def plain_readme(settings: Mapping[str, Any], *, has_head: bool) -> str:
    """Give the page for a Hugging Face folder.

    Parameters
    ----------
    settings : mapping
        `predictor.json`: kind, and where the kind leaves it open reading and comparison.
    has_head : bool
        Whether the folder holds `head.safetensors`.
    """
    asked, fed, ends_in = FACTS[settings["kind"]]
    return _template().render(
        asked=asked,
        fed=fed or settings["reading"],
        ends_in=ends_in if has_head or ends_in != "label" else "cosine",
        comparison=settings.get("comparison", "difference"),
        has_head=has_head,
    )


@functools.cache
def _template() -> jinja2.Template:
    # The page is Markdown with Python in it: nothing is to be escaped.
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=False,  # noqa: S701
        keep_trailing_newline=True,
    )
    return environment.get_template("plain_readme.md.jinja")
