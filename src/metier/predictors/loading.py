"""The contract of predictors, and the way from a folder to the one that lives in it.

A method's `export` leaves `predictor.json` in the folder: the versioned `kind` that picks the class below, the
method's `name`, the `labels`, and whatever else that class needs. A composite predictor (average, cascade)
keeps each of its members in a subfolder of the same form.
"""

import json
import pkgutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, Self, runtime_checkable

from safetensors import SafetensorError

from metier.errors import (
    BundleError,
    CallError,
    EndpointError,
    MetierError,
    MissingExtraError,
    SettingsError,
    UnknownNameError,
    suggest,
)
from metier.predictors.onnx.graph_kinds import GRAPH_KINDS
from metier.regular_files import check_regular, read_regular
from metier.tasks.answer_batches import AnswerBatch

SETTINGS_FILE = "predictor.json"
SCOPE_FILE = "scope.json"  # Where a rule says which questions are out of scope, see `predictors.scope`.
SCOPE_LOADER = "metier.predictors.scope:load_scope"  # By its path: without a rule scipy need not be imported.
MOST_SHOWN = 500  # Characters of what a library said.

# Old kinds stay here for ever: a bundle outlives the release that wrote it.
KINDS = {
    **dict.fromkeys(GRAPH_KINDS, "metier.predictors.onnx.graph_predictor:GraphPredictor"),
    "constant.v1": "metier.predictors.constant:ConstantPredictor",
    "linear.v1": "metier.predictors.linear.linear_predictor:LinearPredictor",
    "pair_linear.v1": "metier.predictors.linear.linear_predictor:LinearPredictor",
    "static.v1": "metier.predictors.linear.static:StaticPredictor",
    "relation_linear.v1": "metier.predictors.linear.linear_predictor:LinearPredictor",
    "dictionary_tagger.v1": "metier.predictors.text.dictionary_tagger:DictionaryTaggerPredictor",
    "crf.v1": "metier.predictors.linear.crf:CrfPredictor",
    "vote.v1": "metier.predictors.composite.vote:VotePredictor",
    "span_rules.v1": "metier.predictors.composite.span_rules:SpanRulesPredictor",
    "lead.v1": "metier.predictors.text.extracted_sentences:LeadPredictor",
    "textrank.v1": "metier.predictors.text.extracted_sentences:TextRankPredictor",
    "best_sentence.v1": "metier.predictors.text.extracted_sentences:BestSentencePredictor",
    "nearest_reply.v1": "metier.predictors.text.nearest_reply:NearestReplyPredictor",
    "passage_phrase.v1": "metier.predictors.text.passage_phrase:PassagePhrasePredictor",
    "retrieve_read.v1": "metier.predictors.composite.retrieve_read:RetrieveReadPredictor",
    "constant_labels.v1": "metier.predictors.constant:ConstantPredictor",
    "many_labels_linear.v1": "metier.predictors.linear.linear_predictor:LinearPredictor",
    "score_linear.v1": "metier.predictors.linear.linear_predictor:LinearPredictor",
    "pair_score_linear.v1": "metier.predictors.linear.linear_predictor:LinearPredictor",
    "ordinal_linear.v1": "metier.predictors.linear.linear_predictor:LinearPredictor",
    "endpoint.v1": "metier.predictors.text.endpoint:EndpointPredictor",
    "endpoint.v2": "metier.predictors.text.endpoint:EndpointPredictor",
    "torch_prompted.v1": "metier.transformer.generation.prompted:TorchPromptedPredictor",
    "torch_asked.v1": "metier.transformer.generation.asked_base:TorchAskedPredictor",
    "dictionary_translation.v1": "metier.predictors.text.dictionary_translation:DictionaryTranslationPredictor",
    "onnx_generation.v1": "metier.predictors.onnx.onnx_generation:OnnxGenerationPredictor",
    "onnx_encoder_decoder.v1": "metier.predictors.onnx.onnx_generation:OnnxEncoderDecoderPredictor",
    "torch_generation.v1": "metier.transformer.generation.torch_generation:TorchGenerationPredictor",
    "transcription.v1": "metier.predictors.speech.transcription:TranscriptionPredictor",
    "average.v1": "metier.predictors.composite.average:AveragePredictor",
    "stacked.v1": "metier.predictors.composite.stacked:StackedPredictor",
    "cascade.v1": "metier.predictors.composite.cascade:CascadePredictor",
    "label_average.v1": "metier.predictors.composite.average:AveragePredictor",
    "score_average.v1": "metier.predictors.composite.average:AveragePredictor",
    "updated_head.v1": "metier.predictors.composite.updated_head:UpdatedHeadPredictor",
    "several.v1": "metier.predictors.composite.several:SeveralPredictor",
    "cross_modal_search.v1": "metier.predictors.composite.cross_modal_search:CrossModalSearchPredictor",
    "fixed_ranking.v1": "metier.predictors.fixed_ranking:FixedRankingPredictor",
    "relation_counts.v1": "metier.predictors.text.relation_counts:RelationCountsPredictor",
    "triples_pipeline.v1": "metier.predictors.composite.triples_pipeline:TriplesPipelinePredictor",
    "with_knowledge.v1": "metier.predictors.composite.with_knowledge:WithKnowledgePredictor",
    "linked_spans.v1": "metier.predictors.composite.linked_spans:LinkedSpansPredictor",
    "retrieve_rerank.v1": "metier.predictors.composite.retrieve_rerank:RetrieveRerankPredictor",
}


class Predictor(Protocol):
    """Answers from files: thread-safe, no global state, bounded memory, no torch."""

    name: str
    labels: tuple[str, ...]

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load from a folder that a method's `export` wrote. `threads` is for one call, not for the process."""
        ...

    def predict(self, items: Sequence[Any], /) -> AnswerBatch:
        """Answer texts, or what the task asks about instead; a long sequence is worked off in batches."""
        ...


@runtime_checkable
class HasParts(Protocol):
    """What answers several tasks, each by a predictor that answers it alone."""

    parts: Mapping[str, Predictor]


def load_predictor(folder: Path, *, threads: int = 1) -> Predictor:
    """Load the predictor that was exported to a folder.

    Raises
    ------
    BundleError
        If the folder holds no predictor, a broken one, or one of a kind that this version does not know.
    MissingExtraError
        If it is of the one kind that answers by torch, and torch is not installed.
    """
    kind = read_settings(folder)["kind"]
    if kind not in KINDS:
        raise BundleError(
            f"{folder} holds a predictor of kind {kind!r}, which this release does not know."
            f"{suggest(kind, KINDS)} Install a newer metier, or get the bundle from its source again."
        )
    try:
        found = pkgutil.resolve_name(KINDS[kind])
    except ModuleNotFoundError as error:
        # Writing is the one thing that not every kind of base does without torch.
        if not KINDS[kind].startswith("metier.transformer"):
            raise
        raise MissingExtraError(f"The predictor {kind}", extra="train") from error
    with _load_failures(folder):
        for path in folder.iterdir():
            if not path.is_dir():
                check_regular(path)  # What opens these files would wait for ever at a pipe.
        predictor: Predictor = found.load(folder, threads=threads)
    return predictor


@contextmanager
def _load_failures(folder: Path) -> Iterator[None]:
    """Say in one sentence what a folder did that broke while its predictor was loaded, whatever class was raised.

    What the user can cure without another folder passes: a package or an address that is missing.
    """
    try:
        yield
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # A panic of a library in Rust is no `Exception`.
        if _is_ours(error):
            raise
        found = str(error) if isinstance(error, MetierError) else f"{type(error).__name__}: {error}"
        raise BundleError(
            f"{folder} cannot be loaded ({found[:MOST_SHOWN]}). Get the bundle from its source again."
        ) from error


def _is_ours(error: BaseException) -> bool:
    is_of_the_files = isinstance(error, UnknownNameError | SettingsError)
    return isinstance(error, BundleError | EndpointError | CallError) and not is_of_the_files


def read_settings(folder: Path) -> dict[str, Any]:
    """Read `predictor.json` of an exported predictor.

    Raises
    ------
    BundleError
        If it is missing, is not JSON, or lacks the kind, the name or the labels.
    """
    path = folder / SETTINGS_FILE
    try:
        settings: Any = json.loads(read_regular(path))
    except (FileNotFoundError, NotADirectoryError):
        raise BundleError(
            f"{folder} holds no {SETTINGS_FILE}, so it is not a predictor. "
            "Give a run (runs/…) or a bundle that `metier train` wrote."
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise BundleError(f"{path} is not JSON ({error}). Take the bundle from its source again.") from None
    if not isinstance(settings, dict) or not isinstance(settings.get("kind"), str):
        raise BundleError(
            f"{path} names no predictor; expected an object with the key 'kind'. "
            "Take the bundle from its source again."
        )
    labels = settings.get("labels", [])
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise BundleError(f"{path}: 'labels' is not a list of texts. Take the bundle from its source again.")
    return settings


@contextmanager
def as_bundle_error(folder: Path, fault: str) -> Iterator[None]:
    """Say what files do that break while a predictor is loaded from them.

    Parameters
    ----------
    fault : str
        What the folder does then: "does not hold a complete linear predictor".

    Raises
    ------
    BundleError
        In place of whatever reading raised.
    """
    try:
        yield
    except BundleError:
        raise
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise BundleError(
            f"{folder} {fault} ({type(error).__name__}: {error}). Take the folder from its source again."
        ) from error


def name_as(folder: Path, name: str) -> None:
    """Let the predictor in a folder answer under the name of the method that was made of another one."""
    write_settings(folder, {**read_settings(folder), "name": name})


def write_settings(folder: Path, settings: Mapping[str, Any]) -> None:
    """Write `predictor.json`; keys `kind`, `name` and `labels` are required of every kind."""
    text = json.dumps(dict(settings), ensure_ascii=False, indent=1)
    try:
        encoded = text.encode("utf-8")
    except UnicodeEncodeError:  # Half of a UTF-16 pair in a label: it can only be written as an escape.
        encoded = json.dumps(dict(settings), indent=1).encode("ascii")
    (folder / SETTINGS_FILE).write_bytes(encoded + b"\n")
