"""The report of a run as one page: opens from disk, on a phone, on paper and in the dark, and needs no network.

The sections' modules prepare what is shown, `plots` draws, `templates/` says where it stands. The texts are rows
of strangers: Jinja escapes every one, and the content policy of the page forbids every script but the one that sorts
its tables, which it names by its hash. What a text could still do to its neighbours is taken from it: control
characters and sheer length here, direction marks by the `bdi` element around each.
"""

import base64
import hashlib
import shlex
from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

from metier.report import numbers as report_numbers
from metier.report.page_head import head_of
from metier.report.section import Page
from metier.report.section_table import SECTIONS
from metier.report.words import LANGUAGES, Words, cut

# Characters no HTML or XML page may hold, each shown as its picture (U+2400 and up) instead.
CONTROLS = {code: 0x2400 + code for code in range(0x20) if code not in (0x09, 0x0A, 0x0D)} | {0x7F: 0x2421}
BREAK_AFTER = "_/-"


def render_report(report: Mapping[str, Any], *, language: str = "en") -> str:
    """Give the page of a run's report.

    Parameters
    ----------
    report : mapping
        What `report.json` holds, format `metier.report.v1`.
    language : {"en", "zh"}
        Of the page's own words; what the rows say stays as it is.

    Returns
    -------
    str
        A whole HTML document; write it as UTF-8.
    """
    if language not in LANGUAGES:
        raise ValueError(f"A report has no language {language!r}; give one of {', '.join(LANGUAGES)}.")
    say = Words(language)
    script = environment().get_template("report.js").render()
    page = (
        environment()
        .get_template("report.html.jinja")
        .render(view=view_of(report, say), say=say, script=Markup(script), script_hash=_hash_of(script))  # noqa: S704
    )
    return safe_page(page)


def safe_page(page: str) -> str:
    """Give a page without what no UTF-8 file of HTML may hold."""
    # Half a surrogate pair can stand in a text that was read from JSON, but in no UTF-8 file.
    return page.translate(CONTROLS).encode("utf-8", "replace").decode("utf-8")


def _hash_of(script: str) -> str:
    """Give the name of a script in a content policy."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def view_of(report: Mapping[str, Any], say: Words) -> dict[str, Any]:
    """Give everything the template names, ready to be written down."""
    page, run = Page(report, say), shlex.quote(report["run"])
    shown = [(one, view) for one in SECTIONS if (view := one.view(page)) is not None]
    return {
        "split": say(page.split),
        "page_language": "zh-CN" if say.language == "zh" else say.language,
        "metric": page.metric,
        "language": report["data"]["language"] or "",
        "serve": say.command(f"metier serve {run}"),
        "again": say.command(f"metier train --settings {run}/settings.yaml"),
        "format": report["format"],
        **head_of(page),
        "anchors": [(one.anchor, say(one.name)) for one, _ in shown],
        "sections": [(one.anchor, one.template, {"title": say(one.name), **view}) for one, view in shown],
    }


@pass_context
def shortened(context: Context, text: Any, longest: int) -> str:
    """Cut a text that would bury its neighbours, and say how long it was."""
    say: Words = context["say"]
    return cut(str(text), longest, say)


def breakable(text: Any) -> Markup:
    """Let a name like `card_payment_fee_charged` break after its joints when a line is narrow."""
    parts = Markup()
    for char in str(text):
        parts += escape(char)
        if char in BREAK_AFTER:
            parts += Markup("<wbr>")
    return parts


@cache
def environment() -> Environment:
    """Give what fills the templates of pages; every text in them is escaped."""
    environment = Environment(
        loader=PackageLoader("metier.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {
        "shortened": shortened,
        "breakable": breakable,
        "count": report_numbers.count,
        "percent": report_numbers.percent,
        "points": report_numbers.points,
    }
    return environment
