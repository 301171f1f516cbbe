"""The report in Chinese: every sentence of ours is translated, and nothing of the rows."""

import ast
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml

import metier
from metier.report.fact_names import NAMES, VALUES
from metier.report.page import render_report
from metier.report.words import Words

PACKAGE = Path(metier.__file__).parent
REPORT = PACKAGE / "report"
TABLE = yaml.safe_load((REPORT / "zh.yaml").read_text("utf-8"))
PLACEHOLDER = re.compile(r"\{(\w+)\}")
# Three words of letters in a row are a sentence; units, names of methods and flags are not.
SENTENCE = re.compile(r"(?<![-_./=A-Za-z])[A-Za-z]{2,} [a-z]{2,} [a-z]{2,}")
FLAG_OR_COMMAND = ("--", "metier ")
SMALL = json.loads((Path(__file__).parent / "small_report.json").read_text("utf-8"))


class Shown(HTMLParser):
    """What a reader sees or hears of a page, user data left out: it stands in `bdi`."""

    def __init__(self, html):
        super().__init__()
        self.open, self.texts = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.texts += [value for name, value in attrs if name in ("aria-label", "data-name")]
        if tag not in ("meta", "br", "wbr"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        self.open.pop()

    def handle_data(self, data):
        if not {"style", "script", "code"} & set(self.open):
            self.texts.append(data)


def own_texts(html, report):
    """The texts of a page without those of the rows, wherever they stand."""
    rows = [one["text"] for one in report["detail"]["mistakes"]]
    examples = [example for one in report["audit"] for example in one["examples"]]
    rows += [example[key] for example in examples for key in ("text", "like") if example.get(key)]
    for text in Shown(html).texts:
        for row in rows:
            text = text.replace(row, "")
        yield text


def test_no_english_sentence_is_left_in_the_chinese_page():
    html = render_report(SMALL, language="zh")
    assert '<html lang="zh-CN">' in html
    left = [text for text in own_texts(html, SMALL) if SENTENCE.search(text)]
    assert left == []


def test_no_chinese_is_in_the_english_page():
    assert not re.search("[\u3400-\u9fff]", render_report(SMALL))


def spoken():
    """Every text that the report says, read from its sources."""
    for path in REPORT.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            place = {"say": 0, "_line": 1}.get(name)
            if place is not None and len(node.args) > place:
                yield from literals(node.args[place])
    for path in REPORT.glob("templates/**/*.jinja"):
        yield from re.findall(r'say\("([^"]+)"', path.read_text("utf-8"))


def literals(node):
    if isinstance(node, ast.IfExp):
        yield from (*literals(node.body), *literals(node.orelse))
    elif isinstance(node, ast.Constant):
        yield node.value


def test_every_text_of_the_page_has_its_chinese():
    texts = set(spoken())
    assert len(texts) > 200
    assert sorted(texts - set(TABLE["page"])) == []


@pytest.mark.parametrize("part", ["page", "told"])
def test_translations_fill_the_same_placeholders(part):
    for english, chinese in TABLE[part].items():
        wanted, found = set(PLACEHOLDER.findall(english)), set(PLACEHOLDER.findall(chinese))
        assert found <= wanted, english
        assert part == "told" or found == wanted, english


def findings():
    """The sentences and remedies of the findings of the check, each placeholder filled with a number."""
    for path in (PACKAGE / "audit").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Finding":
                remedies = [*node.args[6:7], *(given.value for given in node.keywords if given.arg == "remedy")]
                for each in [*node.args[2:3], *remedies]:
                    yield from ((path.name, sentence) for sentence in sentences(each))


def sentences(node):
    if isinstance(node, ast.Constant):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from (*sentences(node.body), *sentences(node.orelse))
    elif isinstance(node, ast.JoinedStr):
        yield "".join(
            piece.value if isinstance(piece, ast.Constant) else filled(piece.value) for piece in node.values
        )


def filled(node):
    """What may stand in a placeholder: a count with its noun, one of two words, or something."""
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "count_of":
        return f"7 {node.args[1].value}s"
    if isinstance(node, ast.IfExp) and isinstance(node.orelse, ast.Constant):
        return node.orelse.value
    return {"have": "have"}.get(getattr(node, "id", ""), "7")


def test_findings_of_the_check_are_recognised():
    told = Words("zh")
    found = [
        pair for pair in findings() if len(pair[1].split()) > 2 and not pair[1].startswith(FLAG_OR_COMMAND)
    ]
    assert len(found) > 40
    # Made of sentences of other files, which have templates of their own.
    made_of_others = re.compile(
        r"^7 rows7 have|^7 labels have fewer than 7 rows7$|^7 7 in 7|^7 conversations 7"
    )
    left = [pair for pair in found if not made_of_others.search(pair[1]) and told.told(pair[1]) == pair[1]]
    assert left == []


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        (
            "it needs about 96 s and 95 s of the 180 s are left for it and the others; give more time with --budget",
            "约需 96 s，而 180 s 的预算只剩 95 s 供它和其他候选使用；请用 --budget 增加时间",
        ),
        (
            "a cascade does not pay here: 90 rows can never certify a loss of at most 0.5 points; 598 are needed",
            "级联在这里不合算：90 条样本无法保证损失不超过 0.5 个百分点；需要 598 条",
        ),
        (
            "1 more row nearly repeats an earlier one; splits keep them on one side",
            "另有 1 条样本与之前的某条近似重复；划分时放在同一侧",
        ),
        ("a sentence of a plug-in", "a sentence of a plug-in"),
    ],
)
def test_sentences_of_other_packages_are_recognised_by_their_templates(english, chinese):
    assert Words("zh").told(english) == chinese
    assert Words("en").told(english) == english


def test_another_language_is_refused():
    with pytest.raises(ValueError, match="no language 'fr'; give one of en, zh"):
        render_report(SMALL, language="fr")


def test_every_fact_in_words_has_its_chinese():
    texts = {*NAMES.values(), *(word for words in VALUES.values() for word in words.values())}
    assert sorted(texts - set(TABLE["page"])) == []


def test_commands_of_the_chinese_page_answer_in_chinese():
    html = render_report(SMALL, language="zh")
    commands = re.findall(r"<code>(metier [^<]*)</code>", html)
    assert len(commands) >= 2
    assert all(command.endswith(" --lang zh") for command in commands)
    assert "--lang" not in render_report(SMALL)
