"""The kinds of graph predictors, one row each: a kind is an input, the way from its items to logits, and an answer.

A row is all that a new kind takes: from it `predictors.loading` knows who answers, `graph_predictor` how, and the
README of a Hugging Face folder how to rebuild it in plain transformers.
"""

from dataclasses import dataclass
from typing import Protocol

from metier.tasks.answers import (
    GRADE,
    LABEL,
    LABEL_SET,
    PASSAGE_ANSWER,
    RELATION,
    SCORE,
    SPANS,
    WRITTEN_TEXT,
    Decoder,
)
from metier.tasks.inputs import (
    CONVERSATION,
    IMAGE,
    MARKED_TEXT,
    PAIR,
    PAIR_IMAGE,
    QUESTION,
    TEXT,
    TEXT_IMAGE,
    TEXT_OR_PAIR,
    InputKind,
)

LOGITS = "metier.predictors.onnx.graph_logits"
JOINT = "metier.predictors.onnx.joint_logits:JointLogits.of"
JOINT_PAIR = "metier.predictors.onnx.joint_logits:JointPairLogits.of"
IMAGE_LOGITS = "metier.predictors.onnx.image_logits:ImageLogits.of"


class Decoded(Protocol):
    """A kind of answers whose decoder can be read from a file."""

    def read_decoder(self, settings: dict[str, object], /) -> Decoder:
        """Read a decoder from `predictor.json`."""
        ...


@dataclass(frozen=True)
class GraphKind:
    """What a kind of graph predictor is made of.

    Parameters
    ----------
    input : InputKind
    logits : str
        Dotted path of what makes, from the opened files, what makes logits of checked items.
    answer : kind of answers
    asked, fed, ends_in : str
        Of the lines that rebuild it in plain transformers: what is asked (`texts`, `pairs`, `questions`), how the head is
        fed (empty: the settings say it), and what the lines end in.
    """

    input: InputKind
    logits: str
    answer: Decoded
    asked: str
    fed: str
    ends_in: str


def _kind(input: InputKind, logits: str, answer: Decoded, asked: str, fed: str, ends_in: str) -> GraphKind:
    return GraphKind(input, f"{LOGITS}:{logits}", answer, asked, fed, ends_in)


def _of_images(answer: Decoded, ends_in: str) -> GraphKind:
    return GraphKind(IMAGE, IMAGE_LOGITS, answer, "images", "", ends_in)


GRAPH_KINDS = {
    "onnx_encoder.v1": _kind(TEXT, "VectorLogits.whole", LABEL, "texts", "whole", "label"),
    "onnx_pair_encoder.v1": _kind(PAIR, "VectorLogits.whole", LABEL, "pairs", "whole", "label"),
    "onnx_bi_encoder.v1": _kind(PAIR, "PairLogits.of", LABEL, "texts", "compared", "label"),
    "onnx_relation.v1": _kind(MARKED_TEXT, "MarkedLogits.of", RELATION, "texts", "marked", "label"),
    "onnx_phrases.v1": _kind(MARKED_TEXT, "PhraseLogits", RELATION, "texts", "whole", "label"),
    "onnx_many_labels.v1": _kind(TEXT, "by_reading", LABEL_SET, "texts", "", "logits"),
    "onnx_grader.v1": _kind(TEXT, "by_reading", GRADE, "texts", "", "logits"),
    "onnx_scorer.v1": _kind(TEXT_OR_PAIR, "by_reading", SCORE, "texts", "", "logits"),
    "onnx_tagger.v1": _kind(TEXT, "TokenLogits", SPANS, "texts", "tokens", "tags"),
    "onnx_span_labels.v1": _kind(TEXT, "SpanLabelLogits", SPANS, "texts", "tokens", "tags"),
    "onnx_reader.v1": _kind(QUESTION, "PassageLogits.of", PASSAGE_ANSWER, "questions", "tokens", "span"),
    "onnx_joint.v1": GraphKind(TEXT_IMAGE, JOINT, LABEL, "texts with images", "", "label"),
    "onnx_joint_labels.v1": GraphKind(TEXT_IMAGE, JOINT, LABEL_SET, "texts with images", "", "logits"),
    "onnx_joint_scorer.v1": GraphKind(TEXT_IMAGE, JOINT, SCORE, "texts with images", "", "logits"),
    "onnx_joint_pair.v1": GraphKind(PAIR_IMAGE, JOINT_PAIR, LABEL, "pairs with images", "", "label"),
    "onnx_image.v1": _of_images(LABEL, "label"),
    "onnx_image_labels.v1": _of_images(LABEL_SET, "logits"),
    "onnx_image_grader.v1": _of_images(GRADE, "logits"),
    "onnx_image_scorer.v1": _of_images(SCORE, "logits"),
    "onnx_sentences.v1": _kind(CONVERSATION, "Summaries", WRITTEN_TEXT, "texts", "vectors", "rating"),
}
