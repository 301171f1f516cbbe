"""The frontier as a picture that stands alone: the colours of the report are written into it."""

import re
from collections.abc import Sequence
from importlib.resources import files

from markupsafe import Markup

from metier.compression.points import Point
from metier.evaluation.measure_table import metric_name
from metier.report.plots import Estimate, quality_cost_plot
from metier.report.words import ENGLISH, Words

WIDTH, HEIGHT = 640, 380


def frontier_svg(points: Sequence[Point], chosen: Point | None, *, say: Words = ENGLISH) -> str:
    """Draw quality with intervals against the time of one answer; empty where no point was measured."""
    judged = [point for point in points if point.judgement is not None and point.timing is not None]
    if not judged:
        return ""
    first = judged[0]
    assert first.judgement is not None
    assert first.timing is not None
    whole = first.judgement.before
    estimates = [
        Estimate(say("as it is"), whole["value"], whole["low"], whole["high"], first.timing.before_ms),
        *(_estimate(point, is_chosen=point == chosen) for point in judged),
    ]
    picture = quality_cost_plot(
        estimates, metric=say(metric_name(first.judgement.metric)), width=WIDTH, height=HEIGHT, say=say
    )
    return _alone(picture)


def _estimate(point: Point, *, is_chosen: bool) -> Estimate:
    assert point.judgement is not None
    after = point.judgement.after
    return Estimate(point.name, after["value"], after["low"], after["high"], point.latency_ms, is_chosen)


def _alone(picture: Markup) -> str:
    """Give a picture with the rules of style that it needs, as a file of its own."""
    css = files("metier.report").joinpath("templates/report.css").read_text("utf-8")
    root = re.search(r":root \{.*?\}", css, re.S)
    rules = [root[0] if root else "", *re.findall(r"^svg .*\}$", css, re.M)]
    style = f"<style>{' '.join(rules)}</style>"
    opened = str(picture).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    return opened.replace(">", f">{style}", 1)
