"""Errors of rows: a file that cannot be read, values that cannot be used, labels that cannot be learned."""

from collections.abc import Mapping, Sequence

from metier.errors.base import MetierError
from metier.errors.quoting import MOST_NAMED
from metier.figures import count_of


class DataError(MetierError, ValueError):
    """The rows cannot be used."""

    code = "bad_data"


class UnreadableFileError(DataError):
    """The file is missing, broken or not in the format of its name."""

    code = "unreadable_file"


class KnowledgeError(DataError):
    """A knowledge graph with faults: circles, ids that are not there, exclusions that contradict the hierarchy."""

    code = "knowledge"

    def __init__(self, faults: Sequence[str], *, n_faults: int, origin: str):
        listed = "\n".join(f"  - {fault}" for fault in faults)
        more = f"\n  - … and {n_faults - len(faults):,} more" if n_faults > len(faults) else ""
        super().__init__(
            f"{origin} cannot be used as a knowledge graph:\n{listed}{more}\nFix these lines; repair leaves out what is "
            "stated of concepts that are not there."
        )


class BrokenRowError(DataError):
    """Lines of the file cannot be read: the first with what to do, the next ones, and how many there are."""

    code = "broken_row"

    def __init__(
        self,
        origin: str,
        line: int,
        found: str,
        *,
        remedy: str,
        others: Sequence[tuple[int, str]] = (),
        count: int = 1,
    ):
        self.line, self.count = line, count
        listed = "".join(f"\n  line {number}: {what}" for number, what in others)
        left = count - 1 - len(others)
        rest = f"\n  … and {left:,} more" if left > 0 else ""
        more = f" {count:,} lines have faults:\n  line {line}: {found}{listed}{rest}" if count > 1 else ""
        super().__init__(f"{origin}, line {line}: {found} {remedy}{more}")


class StrayTagError(BrokenRowError):
    """Tags that continue an entity where none is open: I- without B-."""

    def __init__(self, origin: str, lines: Sequence[int], found: str, *, remedy: str):
        self.lines, self.found, self.remedy = list(lines), found, remedy
        super().__init__(origin, lines[0], found, remedy=remedy)


class BrokenValueError(DataError):
    """Values of one column cannot be used: spans outside their text, answers not in their passage, not numbers."""

    code = "broken_value"

    def __init__(
        self, origin: str, column: str, found: str, *, rows: Sequence[int], count: int, identity: str = ""
    ):
        self.column, self.rows, self.count = column, list(rows), count
        listed = ", ".join(map(str, self.rows[1:6])) + (", …" if count > 6 else "")
        more = (
            f" The same column has faults in {count_of(count - 1, 'more row')}: {listed}." if count > 1 else ""
        )
        super().__init__(f"{origin}, row {self.rows[0]}{identity}, column {column!r}: {found}{more}")


class EmptyDataError(DataError):
    """No rows, or no rows with text."""

    code = "no_rows"


class MissingLabelError(DataError):
    """Rows without a label."""

    code = "missing_labels"


class MissingSideError(DataError):
    """A pair of texts that has only one."""

    code = "missing_side"

    def __init__(self, row: int, side: str, *, origin: str):
        self.side = side
        super().__init__(
            f"A pair needs two texts, but row {row} of {origin} has no {side!r}. Fill it in, or remove the row."
        )


class EntityError(DataError):
    """A marked entity does not match its offsets; the first rows are listed."""

    code = "bad_entity"

    def __init__(self, faults: Sequence[tuple[int, str]], *, origin: str, remedy: str):
        shown = "; ".join(f"row {row}: {fault}" for row, fault in faults[:3])
        more = f"; and {len(faults) - 3:,} more" if len(faults) > 3 else ""
        noun = "row" if len(faults) == 1 else "rows"
        super().__init__(f"{len(faults):,} {noun} of {origin} cannot be used. {shown}{more}. {remedy}")


class BadSpanError(DataError):
    """Spans that are outside their text, or overlap."""

    code = "bad_spans"

    def __init__(self, faults: Sequence[str], *, n_rows: int, n_all: int, origin: str):
        listed = "\n".join(f"  - {fault}" for fault in faults)
        more = f"\n  - and {count_of(n_rows - len(faults), 'more row')}" if n_rows > len(faults) else ""
        super().__init__(
            f"{n_rows} of {n_all} rows of {origin} have spans that cannot be used. Expected [start, end, label] "
            "in characters of the text, the end exclusive, without overlap:\n"
            f"{listed}{more}\nFix these spans, or remove the rows."
        )


class AnswerPlaceError(DataError):
    """An answer that is not in its passage at the given offset."""

    code = "answer_place"

    def __init__(self, faults: Sequence[str], *, origin: str):
        listed = "\n".join(f"  - {fault}" for fault in faults[:5])
        more = f"\n  … and {len(faults) - 5:,} more" if len(faults) > 5 else ""
        noun = "answer is" if len(faults) == 1 else "answers are"
        super().__init__(
            f"{len(faults):,} {noun} not in the passage at the offset in {origin} (counted in characters from 0):\n"
            f"{listed}{more}\nFix the offsets, or remove these rows."
        )


class TooFewLabelsError(DataError):
    """Fewer than two different labels."""

    code = "too_few_labels"


class RareLabelError(DataError):
    """Some labels have too few rows to appear in every split."""

    code = "rare_labels"

    def __init__(self, rows_per_label: Mapping[str, int], *, needed: int):
        rare = sorted(rows_per_label.items())
        found = ", ".join(f"{label!r} has {rows}" for label, rows in rare[:MOST_NAMED])
        more = f", and {len(rare) - MOST_NAMED:,} more have too few" if len(rare) > MOST_NAMED else ""
        super().__init__(
            f"Each label needs {needed} rows to be split, but {found}{more}. "
            "Label more rows, merge these labels, keep them in training alone with --keep-rare, "
            "or remove them with --drop-rare."
        )


class IdLabelError(DataError):
    """The label column has about as many values as there are rows, like an id: there is nothing to learn."""

    code = "label_is_id"


class UnknownLabelError(DataError):
    """Labels in one split that are not in the training rows."""

    code = "unseen_labels"  # Kept, as programs read it.


class LeakageError(DataError):
    """Test rows that are also in the training rows: test scores would be too high."""

    code = "leakage"
