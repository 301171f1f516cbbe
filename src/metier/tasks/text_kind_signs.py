"""Which kind of text rows ask for, and the evidence: read off the texts, the targets and the names of their columns."""

import re
from collections.abc import Sequence

import numpy as np

from metier.text.language import detect_language

# A target of less than this share of its text's length condenses it.
SUMMARY_FRACTION = 0.5
# Below this a text has nothing that could be condensed: a short question with a shorter answer.
SHORTEST_SUMMARISED = 150
# Names of columns that say that a text was asked for, and not a turn of a conversation.
PROMPTS = frozenset(("prompt", "instruction", "提示", "指令"))
WRITTEN = frozenset(("completion", "output", "text", "文本", "输出"))
CODE_FRACTION = 0.6
CODE_LINES = 0.3  # Share of the lines of a text that look like code: comments and blank lines do not.
_code_line = re.compile(
    r"[;{}]\s*$|^\s*(?:def|class|import|from\s+\S+\s+import|return|for|while|if|elif|else|try|except|with|public|private|"
    r"static|const|let|var|function|func|fn|package|using|namespace|#include|#!|@\w+|SELECT|INSERT|UPDATE|DELETE|CREATE|"
    r"echo|sudo|print)\b.*[():{}=;<>,*.]|^\s*[\w.\[\]'\"]+\s*(?:[-+*/|&]?=|:=|\+\+|--)\s*\S|^\s*[\w.]+\([^)]*\)\s*$|^\s*</?\w+[^>]*>"
    r"|^\s*(?:SELECT|WITH)\b.+\bFROM\b|^\s*\$\s*\w|=>|->|::|&&|\|\|",
)
_prose_end = re.compile(r"[a-z\u4e00-\u9fff][.!?。！？]$")


def looks_like_code(text: str) -> bool:
    """Whether a text is code rather than prose: enough of its lines have the form of statements."""
    lines = [line for line in text.splitlines() if line.strip()]
    coded = sum(
        _code_line.search(line) is not None and _prose_end.search(line.strip()) is None for line in lines
    )
    return bool(lines) and coded >= CODE_LINES * len(lines)


def kind_of_texts(
    texts: Sequence[str], targets: Sequence[str], *, columns: tuple[str, str] = ("", "")
) -> tuple[str, str]:
    """Give the kind of text that targets are, and the evidence.

    Parameters
    ----------
    columns : tuple of str
        Names of the columns of texts and of targets, where they are known.

    Returns
    -------
    kind : {"code", "translation", "text", "summary", "reply"}
    why : str
    """
    coded = float(np.mean([looks_like_code(target) for target in targets]))
    if coded >= CODE_FRACTION:
        return "code", f"{coded:.0%} of the targets look like code"
    asked, written = (detect_language(some).main_language for some in (texts, targets))
    if asked != written:
        return "translation", f"texts are {asked}, targets {written}"
    text, target = (name.strip().lower() for name in columns)
    if text in PROMPTS and target in WRITTEN:
        return "text", f"the columns are called {columns[0]} and {columns[1]}"
    median = float(np.median([len(text) for text in texts]))
    fraction = float(
        np.median([len(target) / max(len(text), 1) for text, target in zip(texts, targets, strict=True)])
    )
    if median >= SHORTEST_SUMMARISED and fraction <= SUMMARY_FRACTION:
        return "summary", f"targets have {fraction:.0%} of the length of their texts"
    return "reply", "texts are short and in the language of their targets"
