"""Every error message has its Chinese: its template is read from the sources, filled, and said again."""

import ast
import re
from pathlib import Path

import pytest
import yaml

import metier
from metier.cli.speech import spoken
from metier.report.sentences import FOLDER

PACKAGE = Path(metier.__file__).parent
TABLES = {
    path.stem: yaml.safe_load(path.read_text("utf-8"))["told"]
    for path in sorted((PACKAGE / "report" / FOLDER).glob("*.yaml"))
}
PAGE = set(yaml.safe_load((PACKAGE / "cli" / "zh.yaml").read_text("utf-8"))["page"])  # Of the other test.
PLACEHOLDER = re.compile(r"(?<!\{)\{(\w+)(?::\w+)?\}(?!\})")
# Three words in a row are a sentence; names of methods, commands and flags are not, nor what is in back ticks.
SENTENCE = re.compile(r"(?<![-_./=A-Za-z])[A-Za-z]{2,} [a-z]{2,} [a-z]{2,}")
COMMAND = re.compile(r"`[^`]*`|(metier|pip) [a-z].*|model\.save.*", re.S)
# Errors of Python itself: a caller of ours catches them, or they tell of a bug.
OF_PYTHON = {"ValueError", "TypeError", "KeyError", "AttributeError", "AssertionError", "NotImplementedError"}
OF_PYTHON |= {"RuntimeError", "FileExistsError", "OSError", "MarkedYAMLError", "_StopError", "TemplateError"}
SAY = spoken("zh")
# Compared with the text of a library, and words that stand in a note.
NOT_SAID = {"unexpected end of data", "row that also appears", "rows that also appear"}
# What an endpoint of the service is described by.
NOT_SAID |= {"Say what questions consist of: 200 while they are answered, 503 before and after that."}
# What a chat model is told.
NOT_SAID |= {"That cannot be used: X1X Answer with the JSON object alone."}


def template(node):
    """A text with its placeholders filled by what can be found again, or None."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if not isinstance(node, ast.JoinedStr):
        return None
    text = ""
    for number, piece in enumerate(node.values):
        if isinstance(piece, ast.Constant):
            text += piece.value
        else:  # Right after a word or a sentence stands a hint, which has a space before it.
            text += f" (X{number}X)" if text and (text[-1].isalnum() or text[-1] in ".)") else f"X{number}X"
    return text


def is_error(node):
    """Whether a call makes one of our errors, or asks a function that does."""
    name = getattr(node.func, "id", getattr(node.func, "attr", "")) if isinstance(node, ast.Call) else ""
    return name in MAKERS or (name.endswith("Error") and name not in OF_PYTHON)


def functions():
    for path in sorted(PACKAGE.rglob("*.py")):
        where = path.relative_to(PACKAGE).as_posix()
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef):
                yield where, node


MAKERS = {
    node.name
    for _, node in functions()
    if node.returns is not None and re.fullmatch(r"\w+Error", ast.unparse(node.returns))
}


def messages():
    """The texts of some words in every function that makes an error: messages, and the parts they are made of."""
    for where, function in functions():
        if function.name in MAKERS or any(map(is_error, ast.walk(function))):
            yield from ((where, text) for node in function.body[is_told(function) :] for text in texts_of(node))


def is_told(function):
    """Whether a function begins with a docstring, which is no message."""
    return ast.get_docstring(function) is not None


def texts_of(node):
    text = template(node)
    if text is not None:
        yield text
    for child in ast.iter_child_nodes(node):
        if not (isinstance(node, ast.JoinedStr) and isinstance(child, ast.Constant)):
            yield from texts_of(child)


def left_of(text):
    """What stays English of a message, or is lost of what it tells."""
    said = SAY.translated(text)
    lost = set(re.findall(r"X\d+X", text)) - set(re.findall(r"X\d+X", said))
    return lost or SENTENCE.search(COMMAND.sub("", said))


def test_every_error_is_said_in_chinese_with_all_that_it_tells():
    found = {pair for pair in messages() if SENTENCE.search(pair[1]) and pair[1] not in NOT_SAID | PAGE}
    assert len(found) > 450
    assert sorted(pair for pair in found if left_of(pair[1])) == []


@pytest.mark.parametrize("room", TABLES)
def test_templates_have_the_same_slots_in_both_languages(room):
    for english, chinese in TABLES[room].items():
        assert sorted(set(PLACEHOLDER.findall(english))) == sorted(set(PLACEHOLDER.findall(chinese))), english


def test_a_reason_of_several_sentences_is_said_whole():
    said = SAY.translated(
        "Could not write out.csv: the disk is full. No partial file is left. Free some space, or write to another folder."
    )
    assert said == "无法写入 out.csv：磁盘已满。没有留下不完整的文件。请腾出空间，或写到其他文件夹。"
