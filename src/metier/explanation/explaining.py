"""Explain one answer of any predictor of texts, pairs of texts, questions about passages, images or texts with images."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from metier.errors import CallError, UnknownNameError
from metier.explanation.class_activation import class_activation_map
from metier.explanation.counterfactual import smallest_deletion
from metier.explanation.crf_contributions import crf_contributions
from metier.explanation.explained_answer import explained_of
from metier.explanation.explanation import Explanation, ImageParts, Weighed, Word
from metier.explanation.occlusion import STEP, occlusion_map
from metier.explanation.two_sides import is_two_sided, joined, sides_of
from metier.explanation.word_methods import LINEAR, GraphWords, in_parts, word_method
from metier.image.picture import Picture
from metier.image.thumbnails import thumbnail
from metier.predictors.linear.crf import CrfPredictor
from metier.predictors.loading import SETTINGS_FILE, read_settings
from metier.predictors.onnx.graph_session import MODEL_FILE
from metier.predictors.onnx.image_logits import preparation_of
from metier.tasks.answer_batches import AnswerBatch
from metier.tasks.inputs import IMAGE, PAIR, QUESTION, TEXT, TEXT_IMAGE, InputKind

Ask = Callable[[Sequence[Any]], AnswerBatch]
EXPLAINED = (TEXT, IMAGE, TEXT_IMAGE, PAIR, QUESTION)
MOST_IMAGES = 4  # Of one row; each is some forty answers.
TOP = 3  # Probabilities of the answer that are listed.


def explain(
    ask: Ask,
    kind: InputKind,
    item: Any,
    *,
    label: str | None = None,
    folder: Path | None = None,
    method: str | None = None,
    predictor: object = None,
    counterfactual: bool = False,
    graph: GraphWords | None = None,
) -> Explanation:
    """Say which words and which parts of the images an answer rests on.

    Parameters
    ----------
    ask : callable
        A predictor's or a bundle's `predict`.
    kind : InputKind
        The form of its questions.
    item : Any
        One question.
    label : str, optional
        What to explain; None: the label that is predicted.
    folder : Path, optional
        The predictor's files: where they allow it, Grad-CAM stands beside occlusion.
    method : str, optional
        How contributions of words are found, one of `word_methods.METHODS` or `BY_TORCH`; None: exactly where the model is
        linear, else words are left out one at a time.
    predictor : Predictor, optional
        What `ask` asks: a linear one says its parts exactly.
    counterfactual : bool, default=False
        Whether to look for the smallest set of words without which the answer is another.
    graph : GraphWords, optional
        What `word_methods.graph_words` gives, for the methods that need torch.

    Raises
    ------
    CallError
        If the questions are of another form, or the answers of a kind without a number to explain.
    UnknownNameError
        If the predictor has no such label.
    ImageError
        If an image cannot be decoded.
    """
    if kind.name not in {one.name for one in EXPLAINED}:
        raise CallError(
            f"Answers about {kind.noun} cannot be explained. Explain those about a text, an image, a text with images, "
            "a pair of texts or a passage."
        )
    text, picture = _parts_of(kind, item)
    if isinstance(predictor, CrfPredictor):
        return _of_spans(ask, text, predictor, method, label)
    first = ask([_item(kind, text, picture)])
    what = explained_of(first, label)
    column = what.column

    def score(items: Sequence[tuple[str, Picture | None]]) -> np.ndarray:
        return what.score(ask([_item(kind, *each) for each in items]))

    def score_texts(texts: Sequence[str]) -> np.ndarray:
        return score([(one, picture) for one in texts])

    name, weigh = word_method(method, predictor=predictor, column=column, graph=graph)
    weighed = weigh(text, score_texts) if text else Weighed(())
    other = None
    if counterfactual and text and column is not None and label is None:
        other = smallest_deletion(
            text,
            in_parts(text, weighed.words),
            lambda texts: ask([_item(kind, one, picture) for one in texts]).predicted,
        )
    images = () if picture is None else _images(picture, lambda each: score([(text, one) for one in each]))
    if folder is not None and column is not None and kind.name == IMAGE.name:
        images = tuple(
            _with_activation(one, each, folder, column)
            for one, each in zip(images, picture.each if picture else (), strict=False)
        )
    return Explanation(
        first.record(0, TOP),
        what.label,
        float(what.score(first)[0]),
        what.unit,
        text,
        weighed,
        images,
        name,
        other,
    )


def _of_spans(
    ask: Ask, text: str, predictor: CrfPredictor, method: str | None, label: str | None
) -> Explanation:
    """Give the exact parts of the spans that a conditional random field finds, of one label or of all."""
    if method not in (None, LINEAR):
        raise CallError(
            f"The spans of this model are explained by the exact parts of their scores, not by {method}. Use the method "
            "linear."
        )
    if label is not None and label not in predictor.labels:
        raise UnknownNameError("label", label, known=list(predictor.labels))
    spans = tuple(one for one in crf_contributions(predictor, text) if label in (None, one.label))
    sums: dict[tuple[int, int], float] = defaultdict(float)
    for span in spans:
        for word in span.words:
            sums[word.start, word.end] += word.contribution
    words = tuple(Word(*place, value) for place, value in sums.items())
    total = sum(one.score for one in spans)
    return Explanation(
        ask([text]).record(0), label, total, "score", text, Weighed(words), method=LINEAR, spans=spans
    )


def _parts_of(kind: InputKind, item: Any) -> tuple[str, Picture | None]:
    if is_two_sided(kind):
        return joined(kind, item), None
    [read] = kind.read([item])
    if kind.name == TEXT.name:
        return str(read), None
    return ("", read) if kind.name == IMAGE.name else (read.text, read.picture)


def _item(kind: InputKind, text: str, picture: Picture | None) -> Any:
    if is_two_sided(kind):
        return sides_of(kind, text)
    if kind.name == TEXT.name:
        return text
    return {"image": picture} if kind.name == IMAGE.name else {"text": text, "image": picture}


def _images(picture: Picture, score: Callable[[Sequence[Picture]], np.ndarray]) -> tuple[ImageParts, ...]:
    """Cover parts of one image of the row at a time; the others stay as they are."""
    each = picture.each
    found = []
    for number, one in enumerate(each[:MOST_IMAGES]):

        def score_with(files: Sequence[bytes], number: int = number, called: str = one.called) -> np.ndarray:
            changed = [Picture(data, called) for data in files]
            rows = [[*each[:number], new, *each[number + 1 :]] for new in changed]
            return score([Picture.of_several(row) for row in rows])

        # Within a step of the cover nothing changes.
        heat = occlusion_map(one, score_with)[::STEP, ::STEP]
        found.append(ImageParts(thumbnail(one), {"occlusion": heat}))
    return tuple(found)


def _with_activation(parts: ImageParts, picture: Picture, folder: Path, column: int) -> ImageParts:
    settings: Mapping[str, Any] = read_settings(folder) if (folder / SETTINGS_FILE).is_file() else {}
    graph = folder / MODEL_FILE
    if not {"image_size", "preparation"} & set(settings) or not graph.is_file():
        return parts
    found = class_activation_map(graph, preparation_of(settings).pixels(picture), column)
    return parts if found is None else ImageParts(parts.thumbnail, {**parts.maps, "grad_cam": found})
