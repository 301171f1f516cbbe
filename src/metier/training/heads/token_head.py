"""A linear head on every token, started from the solution on the frozen base; texts are read in windows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from metier.bases.base import Base
from metier.bases.huggingface_folder import load_model
from metier.bases.known_bases import load_tokenizer
from metier.features.token_windows import Frame, Pieces, cut, read_whole, unit_values
from metier.progress import Listener
from metier.tasks.answers.bio import tags_of_spans
from metier.tasks.answers.soft_spans import TextLogits, tag_shares
from metier.tasks.examples import Examples
from metier.text.casing import casings
from metier.training.encoder_settings import HeadSettings
from metier.training.heads.head import Exportable, Ready, Task
from metier.training.heads.token_classifier import TaggedRows, TokenClassifier, TokenStates
from metier.training.heads.token_model import ANSWERING_BUDGET
from metier.training.heads.token_probe import start_head
from metier.training.objectives.token_cross_entropy import UNTAGGED
from metier.training.training_cost import Cost, measure_tokens


@dataclass(frozen=True)
class TextCutter:
    """Cuts texts into windows of subwords.

    Parameters
    ----------
    tokenizer : Tokenizer
        Without truncation.
    frame : Frame
    """

    tokenizer: Tokenizer
    frame: Frame

    def windows(self, text: str) -> list[np.ndarray]:
        """Give the token ids of every window of a text."""
        pieces = cut(self.tokenizer, text)
        return [self.frame.around(pieces, window) for window in self.frame.windows(len(pieces.ids))]


@dataclass(frozen=True)
class CutTexts:
    """Texts with spans, cut into windows.

    Parameters
    ----------
    examples : Examples
        The truth of each text is its spans.
    pieces : list of Pieces
        One a text.
    rows : TaggedRows
        The windows of all texts, one after the other.
    owner : ndarray of int of shape (n_windows,)
        Position of each window's text.
    n_unaligned : int
        Spans whose edges are not edges of units.
    """

    examples: Examples
    pieces: list[Pieces]
    rows: TaggedRows
    owner: np.ndarray
    n_unaligned: int

    @classmethod
    def of(cls, cutter: TextCutter, examples: Examples, pad_id: int) -> "CutTexts":
        """Cut texts and give each first subword its unit's tag and casing."""
        pieces = [cut(cutter.tokenizer, text) for text in examples.items]
        labels = tuple(map(str, examples.labels))
        ids, tags, own_casings, owner, n_unaligned = [], [], [], [], 0
        soft: list[np.ndarray] = []
        for number, (text, spans) in enumerate(zip(examples.items, examples.truth, strict=True)):
            own, missed = tags_of_spans(spans, pieces[number].offsets, labels)
            n_unaligned += missed
            known = np.stack([own, casings(text, pieces[number].offsets), np.arange(len(own))], axis=1)
            shares = None
            if examples.soft is not None:
                shares = tag_shares(examples.soft[number], pieces[number].offsets, labels)
            for window, targets in _windows(cutter.frame, pieces[number], known):
                ids.append(window)
                tags.append(targets[:, 0])
                own_casings.append(targets[:, 1])
                owner.append(number)
                soft += [] if shares is None else [_at_units(shares, targets[:, 2])]
        rows = TaggedRows(ids, None, pad_id, tags, own_casings, soft)
        return cls(examples, pieces, rows, np.array(owner), n_unaligned)

    def logits(self, model: TokenClassifier, rows: TaggedRows) -> list[TextLogits]:
        """Give the logits of the units of each text; `rows` are these windows, maybe in other ids."""
        added = model.head.casing_weights
        parts: list[np.ndarray] = [np.empty(0)] * len(rows)
        for positions, _ in rows.in_order_of_length(ANSWERING_BUDGET):
            some = model.run([rows.ids[position] for position in positions])
            for position, values in zip(positions.tolist(), some, strict=True):
                own = rows.tags[position] != UNTAGGED
                parts[position] = values[own] + added[rows.casings[position][own]]
        first = np.searchsorted(self.owner, np.arange(len(self.pieces) + 1))
        return [
            TextLogits(text, pieces.offsets, np.concatenate(parts[start:stop]))
            for text, pieces, (start, stop) in zip(
                self.examples.items, self.pieces, pairwise(first.tolist()), strict=True
            )
        ]


@dataclass(frozen=True)
class TokenHead:
    """The tag of each token [1]_, and how the token is written: small encoders read everything in lower case.

    Scripts without spaces are read by character. A text past the base's limit is read in windows with a quarter overlap.

    References
    ----------
    .. [1] Devlin et al., "BERT: pre-training of deep bidirectional transformers for language understanding", 2019,
       arXiv:1810.04805.
    """

    kind: str = "onnx_tagger.v1"

    def reader(self, base: Base, settings: Any) -> TextCutter:
        """Give what cuts texts into windows."""
        tokenizer = read_whole(load_tokenizer(base))
        return TextCutter(tokenizer, Frame.of(tokenizer, prefix=base.prefix, max_length=base.max_length))

    def ready(
        self, reader: TextCutter, base: Base, task: Task, settings: HeadSettings, listener: Listener
    ) -> Ready:
        """Cut the rows, and start the head from the linear solution on the states."""
        n_tags = task.answer.n_logits(task.examples)
        model = TokenClassifier(load_model(base), n_tags, seed=settings.random_state)
        model.set_dropout(settings.dropout)
        known = CutTexts.of(reader, task.examples, model.pad_id)
        held = None if task.validation is None else CutTexts.of(reader, task.validation, model.pad_id)
        start_head(model, known.rows, random_state=settings.random_state)

        def score(trained: TokenClassifier, rows: TaggedRows) -> dict[str, float]:
            assert held is not None
            return task.answer.score(held.logits(trained, rows), held.examples)

        facts = {
            "spans": sum(map(len, task.examples.truth)),
            "unaligned_spans": known.n_unaligned,
            "windows": len(known.rows),
        }
        return Ready(model, known.rows, None if held is None else held.rows, score, facts=facts)

    def unlabelled(self, reader: TextCutter, items: Sequence[str], model: Any) -> TaggedRows:
        """Cut texts; every token of them counts as one without a span."""
        return CutTexts.of(reader, Examples(items, [[] for _ in items]), model.pad_id).rows

    def logits(self, model: TokenClassifier, reader: TextCutter, items: Sequence[str]) -> Iterator[TextLogits]:
        """Give the logits of each text as they are computed."""
        pieces = [cut(reader.tokenizer, text) for text in items]
        values = unit_values(pieces, reader.frame, model.run, n_values=model.head.out_features)
        added = model.head.casing_weights
        for text, cut_up, logits in zip(items, pieces, values, strict=True):
            yield TextLogits(text, cut_up.offsets, logits + added[casings(text, cut_up.offsets)])

    def cost(
        self,
        reader: TextCutter,
        base: Base,
        items: Sequence[str],
        targets: Any,
        settings: Any,
        *,
        n_batches: int,
    ) -> Cost:
        """Time some windows; a head on every token costs next to nothing beside the encoder."""
        ids = [window for text in items for window in reader.windows(text)]
        return measure_tokens(base, ids, settings, n_batches=n_batches, passes_before=1)

    def sample(self, reader: TextCutter, items: Sequence[str]) -> list[list[int]]:
        """Give the first window of each text."""
        return [reader.windows(text)[0].tolist() for text in items]

    def exported(self, model: TokenClassifier, reader: TextCutter) -> Exportable:
        """Give the states as the graph, the head as arrays beside it."""
        weight, bias = (part.detach().cpu().numpy() for part in (model.head.weight, model.head.bias))
        arrays = {"weight": weight, "bias": bias, "casing": model.head.casing_weights}
        return Exportable(TokenStates(model.encoder), arrays, tokenizer=reader.tokenizer)


def _windows(frame: Frame, pieces: Pieces, known: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Give ids and targets of each window; `known` has a tag, a casing and a number for each unit."""
    by_piece = np.full((len(pieces.ids), known.shape[1]), UNTAGGED, dtype=np.int64)
    by_piece[pieces.firsts] = known
    found = []
    for window in frame.windows(len(pieces.ids)):
        ids = frame.around(pieces, window)
        targets = np.full((len(ids), known.shape[1]), UNTAGGED, dtype=np.int64)
        shift = len(frame.head) - window.start
        targets[window.own_start + shift : window.own_stop + shift] = by_piece[
            window.own_start : window.own_stop
        ]
        found.append((ids, targets))
    return found


def _at_units(shares: np.ndarray, units: np.ndarray) -> np.ndarray:
    """Give each token its unit's shares of tags, `UNTAGGED` where it begins none."""
    found = np.full((len(units), shares.shape[1]), UNTAGGED, dtype=np.float32)
    found[units >= 0] = shares[units[units >= 0]]
    return found
