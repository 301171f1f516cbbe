"""Transcription: the words that are said in a recording."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from metier.tasks.answers.kind import AnswerKind
from metier.tasks.answers.transcript import TRANSCRIPT
from metier.tasks.inputs.audio import AUDIO
from metier.tasks.inputs.kind import InputKind
from metier.tasks.task import PlainTask

if TYPE_CHECKING:  # What answers needs a task's words, never the rows' Arrow.
    from metier.data.rows import Rows


@dataclass(frozen=True)
class Transcription(PlainTask):
    """The task of writing down what is said; judged by errors for each word, or each Han character."""

    name: ClassVar[str] = "transcription"
    answer: ClassVar[AnswerKind] = TRANSCRIPT
    labels: ClassVar[tuple[str, ...]] = ()
    metrics: ClassVar[tuple[str, ...]] = ("wer", "cer")
    primary_metric: ClassVar[str] = "wer"

    @property
    def input(self) -> InputKind:
        """The form of its questions: recordings."""
        return AUDIO

    @classmethod
    def from_rows(cls, rows: "Rows") -> Self:
        """Check training rows.

        Raises
        ------
        DataError
            If a row has no recording, or no transcript.
        """
        found = cls()
        TRANSCRIPT.check(found.items(rows), found.targets(rows), origin=rows.origin)
        return found

    def targets(self, rows: "Rows") -> Sequence[Any]:
        """Give what is said in the recording of each row."""
        return [str(target) for target in rows.values("target")]
