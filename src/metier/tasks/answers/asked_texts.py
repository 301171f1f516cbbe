"""How a model that writes is asked for what stands in a text, and for texts: spans, answers from passages, writing.

What is named has to stand in the text, sign for sign but for case and width; what does not is dropped and counted, since
a model that writes may make up names.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from metier.evaluation.answer_measures import exact_match
from metier.tasks.answer_batches import DIGITS, RecordAnswers
from metier.tasks.answers.asking import MATERIAL, About, Asking, Parsed, Trust, read_json, unwrapped
from metier.tasks.answers.scored_spans import ScoredSpan, span_answers, without_overlap
from metier.text.offsets import nearest

NO_ANSWER = {"en": "no answer", "zh": "没有答案"}
WRITES = {
    "summary": {"en": "You summarise texts, in one or two sentences.", "zh": "你为文本写摘要，一两句话。"},
    "translation": {"en": "You translate texts.", "zh": "你翻译文本。"},
    "reply": {"en": "You reply to messages.", "zh": "你回复消息。"},
    "code": {"en": "You write code.", "zh": "你写代码。"},
    "answer": {"en": "You answer questions.", "zh": "你回答问题。"},
    "text": {"en": "You write texts.", "zh": "你写文本。"},
}


class SpanAsking(Asking):
    """Parts of a text with their labels, as a JSON list of {"text", "label"}."""

    most_tokens: ClassVar[int] = 400

    def instructions(self, about: About) -> str:
        """Give the list of labels, and what an answer looks like."""
        if about.language == "zh":
            told = (
                "找出文本中属于以下标签的所有片段。只回答一个 JSON 列表，按出现的顺序排列，"
                '形如 [{"text": "…", "label": "…"}]；片段须与原文一字不差；没有则回答 []。'
            )
            return f"{MATERIAL['zh']}{told}\n\n标签：\n{about.listed}"
        told = (
            "Find all parts of the text that are of one of the labels. Answer with a JSON list in the order of the text, "
            'such as [{"text": "…", "label": "…"}]; copy each part exactly as it stands there; [] if there is none.'
        )
        return f"{MATERIAL['en']} {told}\n\nLabels:\n{about.listed}"

    def cue(self, about: About) -> str:
        """Give the word before the list."""
        return "片段：" if about.language == "zh" else "Parts:"

    def reminder(self, about: About) -> str:
        """Say that it was no such list."""
        if about.language == "zh":
            return '这不是 [{"text": "…", "label": "…"}] 形式的 JSON 列表。请只回答这样的列表。'
        return (
            'That is not a JSON list of {"text": "…", "label": "…"}. Answer with such a list and nothing else.'
        )

    def written(self, target: Any, item: Any) -> str:
        """Give the spans as JSON."""
        parts = [{"text": item[start:end], "label": label} for start, end, label in target]
        return json.dumps(parts, ensure_ascii=False)

    def parsed(self, reply: str, item: Any, about: About) -> Parsed | None:
        """Give the spans of a list as [start, end, label]; each is the next place of its text in the item."""
        stated = read_json(reply)
        if isinstance(stated, Mapping):
            stated = stated.get("spans", stated.get("entities"))
        if not isinstance(stated, list) or not all(map(_is_part, stated)):
            return None
        found: list[ScoredSpan] = []
        reached: dict[str, int] = {}
        dropped = 0
        for part in stated:
            piece = part["text"].strip()
            start = nearest_from(item, piece, reached.get(piece.lower(), 0))
            if part["label"] not in about.labels or start is None:
                dropped += 1
                continue
            reached[piece.lower()] = start + len(piece)
            found.append(ScoredSpan(start, start + len(piece), part["label"], 1.0))
        kept = without_overlap(found)
        return Parsed([[one.start, one.end, one.label] for one in kept], dropped + len(found) - len(kept))

    def moved(self, value: Any, move: Callable[[tuple[int, int]], tuple[int, int]]) -> Any:
        """Give the spans where they stand after a change of the text."""
        return [[*move((start, end)), label] for start, end, label in value]

    def judged(self, value: Any, target: Any, item: Any, about: About) -> tuple[int, int]:
        """Give how many of the spans are right."""
        known = [list(span) for span in target]
        return sum(list(span) in known for span in value), len(value)

    def answers(
        self, items: Sequence[Any], found: Sequence[Parsed | None], about: About, trust: Trust, name: str
    ) -> RecordAnswers:
        """Give each span the probability of being right."""
        spans = [
            []
            if each is None
            else [ScoredSpan(start, end, label, trust.right_fraction) for start, end, label in each.value]
            for each in found
        ]
        return span_answers(items, spans, name=name)


class PassageAsking(Asking):
    """Words of a passage that answer a question, or that it does not answer it."""

    most_tokens: ClassVar[int] = 80
    copies_texts: ClassVar[bool] = True

    def instructions(self, about: About) -> str:
        """Say that words of the passage are the whole answer."""
        if about.language == "zh":
            told = (
                "用段落中的原文回答问题，一字不差，越短越好，不要写任何其他内容；"
                f"段落中没有答案则回答“{NO_ANSWER['zh']}”。"
            )
            return f"{MATERIAL['zh']}{told}"
        told = (
            "Answer the question with words of the passage, copied exactly, as few as answer it, and nothing else; "
            f"if the passage does not answer it, answer: {NO_ANSWER['en']}"
        )
        return f"{MATERIAL['en']} {told}"

    def cue(self, about: About) -> str:
        """Give the word before the answer."""
        return "答案：" if about.language == "zh" else "Answer:"

    def reminder(self, about: About) -> str:
        """Say that it does not stand in the passage."""
        if about.language == "zh":
            return f"段落中没有这样的文字。请只用段落中的原文回答，或回答“{NO_ANSWER['zh']}”。"
        return f"That does not stand in the passage. Answer with words copied from it, or: {NO_ANSWER['en']}"

    def written(self, target: Any, item: Any) -> str:
        """Give the first of the answers."""
        return target[0]["text"] if target else NO_ANSWER["en"]

    def parsed(self, reply: str, item: Any, about: About) -> Parsed | None:
        """Give where the words stand, as (start, end), (0, 0) for none; None where they do not stand there."""
        for piece in (reply.strip(), unwrapped(reply)):
            if piece.casefold() in NO_ANSWER.values():
                return Parsed((0, 0))
            start = nearest_from(item.passage, piece, 0)
            if start is not None:
                return Parsed((start, start + len(piece)))
        return None

    def moved(self, value: Any, move: Callable[[tuple[int, int]], tuple[int, int]]) -> Any:
        """Give where the answer stands after a change of the passage."""
        return move(value) if value[1] > value[0] else value

    def judged(self, value: Any, target: Any, item: Any, about: About) -> tuple[int, int]:
        """Say whether it is one of the answers."""
        return int(exact_match(target, item.passage[value[0] : value[1]]) == 1), 1

    def answers(
        self, items: Sequence[Any], found: Sequence[Parsed | None], about: About, trust: Trust, name: str
    ) -> RecordAnswers:
        """Give the words of each passage and where they stand; no answer where none was given."""
        records = []
        for item, each in zip(items, found, strict=True):
            start, end = (0, 0) if each is None else each.value
            place = (start, end) if end > start else (None, None)
            record = {"answer": item.passage[start:end], "start": place[0], "end": place[1]}
            records.append({**record, "probability": round(trust.right_fraction, DIGITS)})
        return RecordAnswers([record["answer"] for record in records], records, (name,) * len(records))


class WritingAsking(Asking):
    """A text of some kind."""

    most_tokens: ClassVar[int] = 400
    copies_texts: ClassVar[bool] = True
    has_lines: ClassVar[bool] = True

    def instructions(self, about: About) -> str:
        """Say what kind of text is wanted."""
        wanted = WRITES.get(about.kind, WRITES["text"])[about.language]
        if about.language == "zh":
            return f"{wanted}{MATERIAL['zh']}只回答所要的文本，不要写任何其他内容。"
        return f"{wanted} {MATERIAL['en']} Answer with the text that is wanted and nothing else."

    def cue(self, about: About) -> str:
        """Give the word before the text."""
        return "文本：" if about.language == "zh" else "Text:"

    def reminder(self, about: About) -> str:
        """Say that nothing was written."""
        return (
            "你什么都没有写。请写出文本。" if about.language == "zh" else "You wrote nothing. Write the text."
        )

    def written(self, target: Any, item: Any) -> str:
        """Give the first of the right texts."""
        return str(target[0] if isinstance(target, list) else target)

    def parsed(self, reply: str, item: Any, about: About) -> Parsed | None:
        """Give the text; an empty one is none."""
        return Parsed(reply.strip()) if reply.strip() else None

    def judged(self, value: Any, target: Any, item: Any, about: About) -> tuple[int, int]:
        """Say whether it is one of the right texts, word for word."""
        return int(value in (target if isinstance(target, list) else [target])), 1

    def answers(
        self, items: Sequence[Any], found: Sequence[Parsed | None], about: About, trust: Trust, name: str
    ) -> RecordAnswers:
        """Give the texts; an empty one where none was written."""
        texts = ["" if each is None else each.value for each in found]
        return RecordAnswers(texts, [{"text": text} for text in texts], (name,) * len(texts))


SPAN_ASKING, PASSAGE_ASKING, WRITING_ASKING = SpanAsking(), PassageAsking(), WritingAsking()


def nearest_from(text: str, piece: str, start: int) -> int | None:
    """Give the first place of a piece from `start` on; where there is none, in another case, and then anywhere."""
    if not piece:
        return None
    place = text.find(piece, start)
    if place < 0:
        lower = text.lower()
        place = lower.find(piece.lower(), start) if len(lower) == len(text) else -1
    return place if place >= 0 else nearest(text, piece, start)


def _is_part(part: Any) -> bool:
    return isinstance(part, Mapping) and all(isinstance(part.get(key), str) for key in ("text", "label"))
