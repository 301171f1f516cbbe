"""The kinds of texts that are written, one row a kind: by what candidates are ranked, what they are, how a base is asked.

A kind says what is particular to it; prompts, decoding, metrics, reports and services read it from here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from metier.errors import UnknownNameError

OVERLAP = ("rouge_1", "rouge_2", "rouge_l", "bleu", "chrf")


Shortening = Literal["newest", "central", "pieces", "lines", "asked"]


@dataclass(frozen=True)
class TextKind:
    """A kind of text.

    Parameters
    ----------
    name : str
    primary_metric : str
        What candidates are ranked by: what most papers on such texts compare by.
    metrics : tuple of str
        All that is reported.
    candidates : tuple of str
        The methods that are compared by default: baselines that cost nothing first.
    instructions : mapping of str to str
        What a base is told, by the language of the targets; `en` for all others.
    unsupported : str or None
        The metric of claims that the source does not have; None: there is no source that would have them.
    shortening : {"newest", "central", "pieces", "lines", "asked"}
        What happens to a text that is longer than the context: the newest turns or sentences stay; its most central
        sentences do; it is answered piece by piece; its last lines stay; the sentences nearest to the question do.
    is_verbatim : bool
        Whether white space means something: it is learned, written and compared as it is, and phrases may repeat.
    """

    name: str
    primary_metric: str
    metrics: tuple[str, ...]
    candidates: tuple[str, ...]
    instructions: Mapping[str, str] = field(default_factory=dict)
    unsupported: str | None = None
    shortening: Shortening = "newest"
    is_verbatim: bool = False

    def instruction(self, language: str) -> str:
        """Give what a base is told, in the language of the rows where it is English or Chinese."""
        return self.instructions.get(language, self.instructions.get("other", self.instructions["en"]))

    @property
    def checks(self) -> tuple[str, ...]:
        """What is looked up in the source, as `text.claims` names it."""
        return CHECKS_OF.get(self.unsupported or "", ())


# What a metric of unsupported claims looks up: names are written otherwise in another language.
CHECKS_OF = {"unsupported": ("number", "name", "quotation"), "unsupported_numbers": ("number",)}
TEXT_KINDS: dict[str, TextKind] = {
    kind.name: kind
    for kind in (
        TextKind(
            "summary",
            "rouge_l",
            (*OVERLAP, "distinct_2", "length_ratio", "exact_match", "unsupported", "new_words"),
            ("lead.v1", "textrank.v1", "sentence_ranker.v1", "generator.v1"),
            {"en": "Summarise the text.", "zh": "请概括这段文本。"},
            unsupported="unsupported",
            shortening="central",
        ),
        TextKind(
            "translation",
            "chrf",
            (*OVERLAP, "distinct_2", "length_ratio", "exact_match", "unsupported_numbers"),
            ("nearest_reply.v1", "dictionary_translation.v1", "generator.v1"),
            {
                "en": "Translate the text into English.",
                "zh": "请把这段文本译成中文。",
                "other": "Translate the text.",
            },
            unsupported="unsupported_numbers",
            shortening="pieces",
        ),
        TextKind(
            "reply",
            "rouge_l",
            (*OVERLAP, "distinct_2", "length_ratio", "exact_match", "unsupported"),
            ("nearest_reply.v1", "generator.v1"),
            {"en": "Reply to the user.", "zh": "请回复用户。"},
            unsupported="unsupported",
        ),
        TextKind(
            "text",
            "rouge_l",
            (*OVERLAP, "distinct_2", "length_ratio", "exact_match"),
            ("nearest_reply.v1", "generator.v1"),
            {"en": "Write what is asked for.", "zh": "请按要求写作。"},
        ),
        TextKind(
            "code",
            "chrf",
            ("chrf", "bleu", "verbatim_match", "length_ratio"),
            ("nearest_reply.v1", "generator.v1"),
            {"en": "Write the code that is asked for.", "zh": "请编写所要求的代码。"},
            shortening="lines",
            is_verbatim=True,
        ),
        TextKind(
            "answer",
            "answer_f1",
            ("answer_f1", "exact_match", "rouge_l", "chrf", "length_ratio", "unsupported", "new_words"),
            ("best_sentence.v1", "nearest_reply.v1", "generator.v1"),
            {"en": "Answer the question from the text.", "zh": "请根据文本回答问题。"},
            unsupported="unsupported",
            shortening="asked",
        ),
    )
}


def text_kind(name: str) -> TextKind:
    """Give a kind of text; raises `UnknownNameError` where there is none of that name."""
    if name not in TEXT_KINDS:
        raise UnknownNameError("text kind", name, known=TEXT_KINDS)
    return TEXT_KINDS[name]


def kind_of_metric(metric: str) -> str:
    """Give the first kind that is ranked by a metric: what old bundles tell of theirs."""
    return next((kind.name for kind in TEXT_KINDS.values() if kind.primary_metric == metric), "reply")
