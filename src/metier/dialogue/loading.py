"""A dialogue from what is on disk: a search over the pictures of cases, the cases, and perhaps a labeller and a writer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from metier.bundles import Bundle, load_bundle
from metier.bundles.output_filter import OutputFilter
from metier.data.reading import read
from metier.data.rows import Rows
from metier.dialogue.cases import Cases
from metier.dialogue.image_dialogue import DialogueSettings, ImageDialogue, Language, Reply
from metier.dialogue.messages import Message
from metier.errors import CallError, DataError
from metier.predictors.composite.cross_modal_search import CrossModalSearchPredictor
from metier.tasks.answers import GRADE, LABEL, LABEL_SET
from metier.tasks.answers.written_text import WrittenText
from metier.tasks.inputs import IMAGE, TEXT, TEXT_IMAGE

ANSWER_COLUMNS = ("target", "answer", "reply")
INFERRED = ("text", "image", "label")
ASKED = {kind.name for kind in (TEXT, IMAGE, TEXT_IMAGE)}  # What a labeller may be asked,
ANSWERED = {kind.name for kind in (LABEL, LABEL_SET, GRADE)}  # and what it may answer.


@dataclass(frozen=True)
class DialogueBundle(Bundle):
    """A sealed search that also holds conversations about its pictures. Safe to share between threads.

    Parameters
    ----------
    dialogue : ImageDialogue
    n_cases, n_found : int
        How many cases there are, and of how many the search knows the picture: the others are never found.
    """

    dialogue: ImageDialogue = field(kw_only=True)
    n_cases: int = field(kw_only=True)
    n_found: int = field(kw_only=True)

    def reply(
        self, messages: Sequence[Message | Mapping[str, Any]], *, language: Language | None = None
    ) -> Reply:
        """Answer a conversation; see `ImageDialogue.reply`."""
        return self.dialogue.reply(messages, language=language)


def load_dialogue(
    search: str | Path,
    cases: str | Path,
    *,
    labeller: str | Path | None = None,
    writer: str | Path | None = None,
    judge: OutputFilter | None = None,
    settings: DialogueSettings | None = None,
    threads: int = 1,
    columns: Mapping[str, str] | None = None,
) -> DialogueBundle:
    """Load a dialogue.

    Parameters
    ----------
    search : str or Path
        A run or bundle of the task retrieval, in which texts find pictures.
    cases : str or Path
        Rows with a picture, what was asked, what was answered (target), and perhaps a label.
    labeller : str or Path, optional
        A run or bundle of labels, for texts with pictures, pictures or texts.
    writer : str or Path, optional
        A run or bundle of the task generation, which words replies.
    judge : OutputFilter, optional
        What the writer may not write: the template answers in its place.
    columns : mapping of str to str, optional
        The columns of roles, as `metier.read` takes them.

    Raises
    ------
    CallError
        If a model is of another task, or the search knows the picture of no case.
    EmptyDataError, MissingLabelError
        If no row of the cases has a picture and an answer.
    BundleError
        If a bundle is none, or was altered.
    """
    searching = load_bundle(search, threads=threads)
    predictor = searching.predictor
    if not isinstance(predictor, CrossModalSearchPredictor) or searching.input_kind.name != TEXT_IMAGE.name:
        raise CallError(
            f"Cases are found by a search in which texts find pictures, and {searching.name} is none. Train one with "
            "metier train CASES --task retrieval --text COLUMN --role image=COLUMN --label none."
        )
    known = Cases.of_rows(_rows(cases, columns or {}))
    names = set(predictor.collection.ids)
    n_found = sum(case.image_id in names for case in known.cases)
    if not n_found:
        raise DataError(
            f"None of the {len(known.cases):,} cases of {cases} has a picture that {searching.name} searches. Train "
            "the search on the rows of these cases."
        )
    dialogue = ImageDialogue(
        searching,
        known,
        labeller=None if labeller is None else _labeller(labeller, threads),
        writer=None if writer is None else _writer(writer, threads),
        judge=judge,
        settings=settings,
    )
    parts = {name: value for name, value in vars(searching).items() if name in Bundle.__dataclass_fields__}
    return DialogueBundle(**parts, dialogue=dialogue, n_cases=len(known.cases), n_found=n_found)


def _rows(cases: str | Path, columns: Mapping[str, Any]) -> Rows:
    """Read the cases; what was answered stands in the column that is named, or that has a usual name."""
    others = {role: column for role, column in columns.items() if role != "target"}
    rows = read(cases, **others)
    usual = (name for name in ANSWER_COLUMNS if name in rows.table.column_names)
    answer = columns.get("target") or next(usual, None)
    if answer is None:
        return rows
    # Beside an answer no image is looked for, so what was found without it is named.
    found = {role: column for role in INFERRED if (column := rows.roles.named.get(role)) not in (None, answer)}
    return read(cases, **{**found, **others, "target": answer})


def _labeller(path: str | Path, threads: int) -> Bundle:
    found = load_bundle(path, threads=threads)
    if found.answer_kind.name not in ANSWERED or found.input_kind.name not in ASKED:
        raise CallError(
            f"What labels pictures and texts has to be a model of labels for texts, images or both; {found.name} is of "
            f"the task {found.manifest.task.name}. Give another, or leave --labeller out."
        )
    return found


def _writer(path: str | Path, threads: int) -> Bundle:
    found = load_bundle(path, threads=threads)
    if not isinstance(found.answer_kind, WrittenText):
        raise CallError(
            f"What words replies has to be a model of the task generation; {found.name} is of the task "
            f"{found.manifest.task.name}. Give another, or leave --writer out."
        )
    return found
