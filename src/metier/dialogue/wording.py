"""What a reply says: a template in English and Chinese, or a writer that is held to the cases."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from metier.dialogue.cases import Case

LANGUAGES = ("en", "zh")
TEMPLATES = {
    "en": {
        "label": "This looks like {label} ({percent} %).",
        "case": "The nearest case, {id} (similarity {similarity:.2f}), was answered: {answer}",
        "unknown": "No known case is near enough to answer from (the nearest, {id}, has a similarity of "
        "{similarity:.2f}). A person should answer.",
        "nothing": "No case was found to answer from. A person should answer.",
        "sources": "(After the cases {cases}.)",
        "cited": "{id}, similarity {similarity:.2f}",
        "and": "; ",
        "question": "Question: {text}",
        "shown": "The picture shows: {labels}",
        "answered": "Case {id}: {text} Answer: {answer}",
    },
    "zh": {
        "label": "看起来是 {label}（{percent} %）。",
        "case": "最接近的案例 {id}（相似度 {similarity:.2f}）的答复是：{answer}",
        "unknown": "没有足够接近的案例可供答复（最接近的是 {id}，相似度 {similarity:.2f}）。请由人工答复。",
        "nothing": "没有找到可供答复的案例。请由人工答复。",
        "sources": "（依据案例 {cases}。）",
        "cited": "{id}，相似度 {similarity:.2f}",
        "and": "；",
        "question": "问题：{text}",
        "shown": "图片内容：{labels}",
        "answered": "案例 {id}：{text} 答复：{answer}",
    },
}
_numbers = re.compile(r"\d+(?:[.,:]\d+)*").findall


class CitedCase(NamedTuple):
    """A case and how near it is."""

    case: Case
    similarity: float


class Ground(NamedTuple):
    """What a reply may rest on.

    Parameters
    ----------
    text : str
        What was asked.
    labels : mapping of str to float
        Those that are probable enough to be named.
    cited : sequence of CitedCase
        The nearest, the best first.
    usable : sequence of CitedCase
        Those that are near enough to answer from.
    """

    text: str
    labels: Mapping[str, float]
    cited: Sequence[CitedCase]
    usable: Sequence[CitedCase]


def by_template(ground: Ground, language: str) -> str:
    """Give the reply that repeats the nearest case word for word, or says that none is near enough."""
    template, words = TEMPLATES[language], []
    label = next(iter(ground.labels), None)
    if label is not None:
        words.append(template["label"].format(label=label, percent=round(100 * ground.labels[label])))
    if not ground.cited:
        words.append(template["nothing"])
    else:
        first = ground.cited[0]
        facts = {"id": first.case.id, "similarity": first.similarity, "answer": first.case.answer}
        words.append(template["case" if ground.usable else "unknown"].format(**facts))
    return ("" if language == "zh" else " ").join(words)


def task_of_writer(ground: Ground, language: str) -> str:
    """Give what a writer is asked: the question, what the picture shows, and the cases that it may answer from."""
    template = TEMPLATES[language]
    lines = [template["question"].format(text=ground.text)] if ground.text else []
    if ground.labels:
        lines.append(template["shown"].format(labels=", ".join(ground.labels)))
    lines += [
        template["answered"].format(id=one.case.id, text=one.case.text, answer=one.case.answer)
        for one in ground.usable
    ]
    return "\n".join(lines)


def with_sources(written: str, ground: Ground, language: str) -> str | None:
    """Give a written reply and the cases behind it; None where it is empty, or has a number that none of them has."""
    written, template = written.strip(), TEMPLATES[language]
    known = set(_numbers(task_of_writer(ground, language)))
    if not written or not set(_numbers(written)) <= known:
        return None
    cases = template["and"].join(
        template["cited"].format(id=one.case.id, similarity=one.similarity) for one in ground.usable
    )
    return ("" if language == "zh" else " ").join([written, template["sources"].format(cases=cases)])
