"""What is examined before a release: a model, labelled rows and its answers to them, asked once."""

from dataclasses import dataclass, field
from functools import cached_property

from metier.assurance.behaviour.written_tests import WrittenTest
from metier.bundles import Model
from metier.progress import Listener, ignore
from metier.runs.stored_answers import StoredAnswers
from metier.selection.labelled_rows import LabelledRows
from metier.selection.slices import Slice, slices_of


@dataclass(frozen=True)
class Subject:
    """A model with labelled rows.

    Parameters
    ----------
    bundle : Model
        A bundle, or a model from elsewhere.
    given : LabelledRows
        Rows that it was not trained on.
    tests : tuple of WrittenTest
        Behaviour tests that the user wrote.
    random_state : int, default=0
        Of the bootstrap and of whatever is drawn.
    listener : callable
    """

    bundle: Model
    given: LabelledRows
    tests: tuple[WrittenTest, ...] = ()
    random_state: int = 0
    listener: Listener = field(default=ignore, compare=False)

    @cached_property
    def answered(self) -> StoredAnswers:
        """Its answers to the rows."""
        return self.given.answered(self.bundle, listener=self.listener)[0]

    @cached_property
    def slices(self) -> dict[str, Slice]:
        """The parts of the rows by name: `language=zh`, `length=1-40`, `label=refund`, `channel=phone`."""
        cut = slices_of(self.given.scores, self.given.rows, random_state=self.random_state)
        return {_name(one): one for one in cut}


def _name(one: Slice) -> str:
    value = "-".join(map(str, one.value)) if isinstance(one.value, list) else one.value
    return f"{one.column or one.by}={value}"
