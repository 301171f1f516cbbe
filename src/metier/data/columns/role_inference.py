"""Infer roles from the shape of values or from pairs of columns: spans, entities, answers, text pairs, target texts.

A single name is ambiguous: `target` may be a label, `question` a text. So a role other than text and label is
inferred only where the values have its shape (`[[0, 4, "PER"]]` are spans), or where two columns have a meaning
together (`document` and `summary`, `question_1` and `question_2`).
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from metier.data.columns.conversations import is_messages, is_turns
from metier.data.columns.entity_relations import is_relations
from metier.data.columns.label_lists import SEPARATORS, is_label_list
from metier.data.columns.multi_hot import is_multi_hot
from metier.data.columns.passage_answers import is_answers
from metier.data.columns.spans import decode, is_entity, is_spans
from metier.data.rows import TARGET_ROLES

NONE = "none"  # `--group none`: no column has this role.
_comma, _whole = re.compile(r"[-+]?\d+,(\d+)"), re.compile(r"[-+]?\d+")
SHAPE_ROWS = 200  # The values looked at; all must have the shape.


def _words(listed: str) -> tuple[str, ...]:
    return tuple(listed.split())


MESSAGES = _words("messages conversations conversation turns dialogue dialog history chat 对话")
SPANS = _words("spans entities label labels ner annotations tags 实体")
RELATIONS = _words("relations triples triplets 关系 三元组")
ENTITIES = (("head", "tail"), ("h", "t"), ("subject", "object"), ("e1", "e2"), ("entity1", "entity2"))
ANSWERS = _words("answers answer 答案")
FREE_ANSWERS = _words("target response output")
QUESTIONS = _words("question query 问题")
PASSAGES = _words("context passage paragraph text document article 文章 段落 材料")
LABELS = _words("label labels 标签 多标签 tags topics categories")
SCORES = _words("score similarity similarity_score 分数 得分")
PAIRS = (
    ("text", "text_pair"),
    *((f"{stem}{gap}{one}", f"{stem}{gap}{two}") for stem in ("text", "sentence", "question", "query", "title")
      for gap in ("", "_") for one, two in (("1", "2"), ("a", "b"))),
    ("premise", "hypothesis"),
)  # fmt: skip
# Pairs only beside a label or a score; alone the second is what is to be written.
LABELLED_PAIRS = (("question", "answer"), ("问题", "答案"))
PAIR_LABELS = _words("label similar is_duplicate duplicate matched match is_match gold_label 相似 标签")
# Input column, target column.
WRITTEN = (
    ("document", "summary"),
    ("article", "summary"),
    ("article", "highlights"),
    ("text", "summary"),
    ("dialogue", "summary"),
    ("abstract", "title"),
    ("source", "target"),
    ("source", "translation"),
    ("text", "translation"),
    ("en", "zh"),
    ("zh", "en"),
    ("question", "answer"),
    ("prompt", "completion"),
    ("prompt", "response"),
    ("instruction", "output"),
    ("text", "target"),
    ("原文", "摘要"),
    ("原文", "译文"),
    ("问题", "答案"),
)
# Every name that tells a role.
KNOWN_NAMES = frozenset(
    {
        *(
            name
            for names in (MESSAGES, SPANS, RELATIONS, ANSWERS, QUESTIONS, PASSAGES, LABELS, SCORES, PAIR_LABELS)
            for name in names
        ),
        *(name for pair in (*ENTITIES, *PAIRS, *WRITTEN) for name in pair),
    }
)
CHOSEN = dict[str, str]


def infer_structured_roles(
    sample: pa.Table,
    chosen: CHOSEN,
    refused: set[str],
    *,
    label_names: frozenset[str] = frozenset(),
    needs_target: bool,
) -> CHOSEN:
    """Give the roles inferred from the shape of values or from pairs of columns.

    Parameters
    ----------
    sample : pyarrow.Table
        Some rows.
    chosen : dict of str to str
        Roles named by the user; these are not inferred.
    refused : set of str
        Roles that the user excluded.
    label_names : frozenset of str
        Names of single-label columns: beside such a column weaker evidence is ignored.
    needs_target : bool
        Whether these rows are training data; if not, a question column beside a text column suffices.
    """
    columns = _Columns(sample, chosen, refused, label_names)
    for rule in (_messages, _spans, _entities, _answers, _pair, _written, _labels, _score):
        found = rule(columns, needs_target)
        # There is one target: the one named by the user, or the first found.
        taken = any(role in TARGET_ROLES for role in columns.roles)
        further = {"relations"} if "spans" in found else set()  # They are of the spans.
        columns.take(
            {
                role: name
                for role, name in found.items()
                if not (taken and role in TARGET_ROLES) or role in further
            }
        )
    return {role: name for role, name in columns.roles.items() if role not in chosen}


class _Columns:
    """The columns of a table by normalised name, without those that already have a role."""

    def __init__(self, sample: pa.Table, chosen: CHOSEN, refused: set[str], label_names: frozenset[str]):
        self.sample, self.roles, self.refused = sample, dict(chosen), refused
        self._label_names = label_names
        self._named = {level(name): name for name in sample.column_names}

    def take(self, found: CHOSEN) -> None:
        self.roles |= {
            role: name for role, name in found.items() if role not in self.roles and role not in self.refused
        }

    def named(self, *names: str, role: str | None = None) -> Iterator[str]:
        """Give the columns of these names, in this order, that have no other role."""
        if role is not None and role in self.roles:
            if level(self.roles[role]) in names:
                yield self.roles[role]
            return
        taken = set(self.roles.values())
        yield from (
            self._named[name] for name in names if name in self._named and self._named[name] not in taken
        )

    def has_label(self, *besides: str) -> bool:
        """Whether another column has the name of a single-label column."""
        if "label" in self.refused:
            return False
        others = (name for name in self.named(*self._label_names) if name not in besides)
        return "label" in self.roles or next(others, None) is not None

    def shaped(self, names: tuple[str, ...], shape: Callable[[Any], bool]) -> str | None:
        """Give the first column of these names all of whose values have a shape, and not only empty lists."""
        for name in self.named(*names):
            values = _some_values(self.sample.column(name))
            if values and all(map(shape, values)) and any(decode(value) for value in values):
                return name
        return None


def level(name: str) -> str:
    """Normalise the name of a column for comparison: lower case, underscores."""
    return name.strip().lower().replace(" ", "_").replace("-", "_")


def _some_values(column: pa.ChunkedArray) -> list[Any]:
    return list(column.drop_null().slice(0, SHAPE_ROWS).to_pylist())


def messages_column(table: pa.Table) -> str | None:
    """Give the column that holds conversations, if one does."""
    return _Columns(table.slice(0, SHAPE_ROWS), {}, set(), frozenset()).shaped(MESSAGES, _is_conversation)


def _is_conversation(value: Any) -> bool:
    return is_messages(value) or is_turns(value)


def _messages(columns: _Columns, needs_target: bool) -> CHOSEN:
    name = columns.roles.get("messages") or columns.shaped(MESSAGES, _is_conversation)
    if name is None:
        return {}
    besides = {role: role for role in ("text", "target") if next(columns.named(role), None) == role}
    return {"messages": name} | besides


def _spans(columns: _Columns, needs_target: bool) -> CHOSEN:
    name = columns.shaped(SPANS, is_spans)
    name = columns.roles.get("spans") or name
    if name is None or columns.has_label(name):
        return {}
    relations = columns.shaped(RELATIONS, is_relations)
    return {"spans": name} | ({} if relations is None else {"relations": relations})


def _entities(columns: _Columns, needs_target: bool) -> CHOSEN:
    named = {level(columns.roles[role]) for role in ("head", "tail") if role in columns.roles}
    # Where one of the two was named, try its usual partner first.
    for head, tail in sorted(ENTITIES, key=lambda pair: named.isdisjoint(pair)):
        found = _entity(columns, "head", head), _entity(columns, "tail", tail)
        if found[0] is not None and found[1] is not None:
            return {"head": found[0], "tail": found[1]}
    return {}


def _entity(columns: _Columns, role: str, name: str) -> str | None:
    return columns.roles.get(role) or columns.shaped((name,), is_entity)


def _answers(columns: _Columns, needs_target: bool) -> CHOSEN:
    question = next(columns.named(*QUESTIONS, role="question"), None)
    passage = next(columns.named(*PASSAGES, role="text"), None)
    if question is None or passage is None or question == passage:
        return {}
    answers = columns.shaped(ANSWERS, is_answers)
    if answers is not None:
        return {"question": question, "text": passage, "answers": answers}
    if not needs_target:
        return {"question": question, "text": passage}
    return _free_answer(columns, question, passage)


def _free_answer(columns: _Columns, question: str, passage: str) -> CHOSEN:
    """An answer in words of its own, beside a column that is named as passages are."""
    target = next(columns.named(*ANSWERS, *FREE_ANSWERS, role="target"), None)
    is_named = "text" in columns.roles or level(passage) != "text"
    if target is None or target in (question, passage) or not is_named or columns.has_label(question, target):
        return {}
    return (
        {"question": question, "text": passage, "target": target}
        if _is_prose(columns.sample.column(target))
        else {}
    )


def _pair(columns: _Columns, needs_target: bool) -> CHOSEN:
    judged = next(columns.named(*PAIR_LABELS, *SCORES), None) is not None or "label" in columns.roles
    for first, second in (*PAIRS, *(LABELLED_PAIRS if judged or not needs_target else ())):
        one = next(columns.named(first, role="text"), None)
        other = next(columns.named(second, role="text_pair"), None)
        if one is not None and other is not None:
            label = next(columns.named(*PAIR_LABELS), None)
            return {"text": one, "text_pair": other} | ({} if label is None else {"label": label})
    return {}


def _written(columns: _Columns, needs_target: bool) -> CHOSEN:
    if {"text_pair", "question"} & set(columns.roles):
        return {}
    for first, second in WRITTEN:
        source = next(columns.named(first, role="text"), None)
        target = next(columns.named(second), None)
        if source is None or target is None or not _is_prose(columns.sample.column(target)):
            continue
        if not columns.has_label(source, target):
            return {"text": source, "target": target}
    return {}


def _labels(columns: _Columns, needs_target: bool) -> CHOSEN:
    name = columns.shaped(LABELS, lambda value: is_label_list(value) or is_multi_hot(value))
    plain = next(columns.named("label", "标签"), None)
    if name is not None:
        return {} if plain not in (None, name) else {"labels": name}
    plural = next(columns.named(*(name for name in LABELS if name not in ("label", "标签"))), None)
    if plural is None or columns.has_label(plural) or not _has_separator(columns.sample.column(plural)):
        return {}
    return {"labels": plural}


def _score(columns: _Columns, needs_target: bool) -> CHOSEN:
    # A grade from 1 to 5 may be a label or a score; a column named as a label takes precedence.
    if columns.has_label():
        return {}
    for name in columns.named(*SCORES):
        if _is_numeric(columns.sample.column(name)):
            return {"score": name}
    return {}


def _is_prose(column: pa.ChunkedArray) -> bool:
    """Whether a column holds texts, not a few labels that repeat."""
    values = [value for value in column.drop_null().slice(0, 1_000).to_pylist() if value != ""]
    if not values or not all(isinstance(value, str) for value in values):
        return False
    distinct = len(set(values)) / len(values)
    return distinct > 0.5 and (len(values) < 10 or distinct * len(values) > 5)


def _has_separator(column: pa.ChunkedArray) -> bool:
    values = [value for value in column.drop_null().slice(0, 1_000).to_pylist() if isinstance(value, str)]
    return any(mark in value for value in values for mark in (*SEPARATORS, "；", "，", "｜", "、"))


def _is_numeric(column: pa.ChunkedArray) -> bool:
    present = column.drop_null()
    if pa.types.is_floating(present.type) or pa.types.is_integer(present.type):
        return len(present) > 0
    if not _is_strings(present.type):
        return False
    present = present.filter(pc.not_equal(pc.utf8_trim_whitespace(present), ""))
    if has_decimal_comma(present.to_pylist()):
        present = pc.replace_substring(present, ",", ".")
    try:
        present.cast(pa.float64())
    except pa.ArrowInvalid:
        return False
    return len(present) > 0


def has_decimal_comma(values: Iterable[Any]) -> bool:
    """Whether numbers are written with a decimal comma: 3,5 among others, and none with a point.

    Where each has three digits after the comma it may part the thousands, and it stays a fault.
    """
    strings = [value.strip() for value in values if isinstance(value, str) and value.strip()]
    commas = [match for value in strings if (match := _comma.fullmatch(value)) is not None]
    plain = all("," in value or _whole.fullmatch(value) for value in strings)
    return bool(commas) and plain and any(len(match[1]) != 3 for match in commas)


def _is_strings(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
