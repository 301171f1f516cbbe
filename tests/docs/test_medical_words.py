"""Labels of a data set are given, and never a word that sounds like more: in no message, page or help, in no language."""

import ast
import re
from pathlib import Path

import pytest

import metier

PACKAGE = Path(metier.__file__).parent
ROOT = PACKAGE.parents[1]
SOURCES = [
    *sorted((PACKAGE / "image" / "dicom").glob("*.py")),
    *sorted((PACKAGE / "applications" / "annotation").glob("*.py")),
    *sorted((PACKAGE / "explanation").glob("*.py")),
    *(PACKAGE / "cli" / f"{name}.py" for name in ("annotate", "reviewed", "deidentify")),
    PACKAGE / "data" / "columns" / "patients.py",
]
PAGES = [
    ROOT / "docs" / "medical_images.md",
    *(ROOT / "docs" / "commands" / f"{name}.md" for name in ("annotate", "reviewed", "deidentify")),
    PACKAGE / "report" / "zh" / "medical.yaml",
]
SOUNDS_LIKE_MORE = re.compile(
    r"diagnos|patholog|disease|malignan|benign|cancer|tumou?r|lesion|abnormal|healthy|positive for|suspicious|"
    r"诊断|确诊|病变|患病|疾病|癌|肿瘤|阳性|阴性|良性|恶性|异常|病灶",
    re.I,
)
PROMISES = re.compile(r"anonym|匿名", re.I)


@pytest.mark.parametrize("path", [*SOURCES, *PAGES], ids=lambda path: path.name)
@pytest.mark.parametrize("words", [SOUNDS_LIKE_MORE, PROMISES], ids=["finding", "promise"])
def test_no_word_sounds_like_a_finding_or_a_promise(path, words):
    assert words.findall(path.read_text("utf-8")) == []


def test_what_the_commands_say_is_among_what_was_looked_at():
    said = {
        node.value
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert "needs a reader" in said
    assert any("whoever reads the images decides" in text for text in said)
    assert any("de-identified" in text for text in said)


@pytest.mark.parametrize("text", ["The diagnosis is clear.", "诊断：肿瘤", "no suspicious lesion"])
def test_the_words_are_found_where_they_are(text):
    assert SOUNDS_LIKE_MORE.search(text)
