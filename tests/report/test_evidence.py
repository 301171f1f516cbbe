"""Images beside rows, and what answers rest on, as the page shows them."""

import copy
import json
import re
from pathlib import Path

import pytest

from metier.report.explanation_page import render_explanation
from metier.report.page import render_report

SMALL = json.loads((Path(__file__).parent / "small_report.json").read_text("utf-8"))
URI = "data:image/jpeg;base64,/9j/4AAQ"
PICTURE = {"uri": URI, "width": 168, "height": 84, "name": "<b>photo</b>.jpg"}
FACTS = {
    "answer": {"label": "card", "probability": 0.93},
    "label": "card",
    "score": 2.6,
    "unit": "log-odds",
    "method": "leave_one_out",
    "words_unit": "log-odds",
    "baseline": None,
    "gap": None,
    "text": "my card <lost>",
    "words": [
        {"start": 0, "end": 2, "text": "my", "contribution": -0.5},
        {"start": 3, "end": 7, "text": "card", "contribution": 2.0},
    ],
    "images": [
        {**PICTURE, "maps": {"occlusion": [[0.0, 1.0], [-1.0, 0.5]], "grad_cam": [[0.0, 0.0], [0.0, 0.0]]}}
    ],
}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_mistakes_findings_and_explanations_show_their_images(language):
    report = copy.deepcopy(SMALL)
    report["detail"]["mistakes"][0]["picture"] = PICTURE
    finding = next(one for one in report["audit"] if one["examples"])
    finding["examples"][0]["picture"] = PICTURE
    report["evidence"] = [{"row": 3, "truth": "cash", "name": "photo.jpg", **FACTS}]
    page = render_report(report, language=language)
    plain = render_report(SMALL, language=language)
    assert page.count("<img") == plain.count("<img") + 2
    assert 'alt="&lt;b&gt;photo&lt;/b&gt;.jpg"' in page
    assert "<b>photo" not in page
    assert page.count("<image href=") == 2  # As it is, and with what was covered; the other map says nothing.
    assert ("What answers rest on" in page, "答案的依据" in page) == (language == "en", language == "zh")


def test_the_parts_and_words_that_raise_an_answer_are_the_darkest():
    page = render_explanation(FACTS, model="joint.v1")
    cells = re.findall(r'<rect x="([\d.]+)" y="([\d.]+)"[^>]* opacity="([\d.]+)"', page)
    assert cells == [("84.0", "0.0", "0.65"), ("84.0", "42.0", "0.33")]
    assert re.findall(r'class="(\w+)" style="--weight: ([\d.]+)"', page) == [
        ("lowers", "0.25"),
        ("raises", "1.00"),
    ]
    assert "&lt;lost&gt;" in page
    assert "script" not in page


def test_the_page_of_an_explanation_is_chinese_where_it_is_asked():
    page = render_explanation({**FACTS, "text": "", "words": [], "images": []}, model="joint.v1", language="zh")
    assert '<html lang="zh-CN">' in page
    assert "橙色提高所预测的标签" in page
