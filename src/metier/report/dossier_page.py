"""The dossier of a bundle as one page: what `metier dossier` writes."""

from collections.abc import Mapping
from typing import Any

from metier.report.page import environment, safe_page
from metier.report.words import Words


def render_dossier(facts: Mapping[str, Any], *, language: str = "en") -> str:
    """Give the page of a dossier.

    Parameters
    ----------
    facts : mapping
        `bundle`, `created` and `sections`: each with a title, entries (name, value, how), tables (heads, rows) and notes.
    language : {"en", "zh"}
        Of the page's own words.

    Returns
    -------
    str
        A whole HTML document; write it as UTF-8.
    """
    say = Words(language)
    lacking = [one for part in facts["sections"] for one in part["entries"] if one["value"] is None]
    view = {
        "page_language": "zh-CN" if language == "zh" else language,
        "model": facts["bundle"],
        "created": facts["created"],
        "sections": facts["sections"],
        "lead": say("{n} parts are not stated; each says how to state it", n=len(lacking))
        if lacking
        else say("every part is stated"),
    }
    return safe_page(environment().get_template("dossier.html.jinja").render(view=view, say=say))
