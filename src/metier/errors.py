"""Every error a user can fix. Catch `MetierError` to catch them all; anything else that escapes is our bug.

MetierError
├── CallError                    the call was wrong                                  exit 2
│   ├── MissingColumnError       a column that was named is not in the rows
│   ├── UnknownNameError         a method, base, task or metric that does not exist
│   ├── SettingsError            unknown or out-of-range settings, listed together
│   ├── WrongTypeError           an argument of another type than is expected
│   ├── MissingExtraError        an optional package that is not installed
│   ├── PlugInError              a plug-in that cannot be imported, or lacks a part
│   ├── NoNetworkError           something that needs a network
│   └── RequestError             a request to the service that cannot be answered
├── DataError                    the rows cannot be used                             exit 1
│   ├── UnreadableFileError      the file is missing, broken or not in the format of its name
│   ├── BrokenRowError           one line of the file cannot be read
│   │   └── StrayTagError        tags that continue an entity where none is open
│   ├── BrokenValueError         values of one column cannot be used: spans, answers, scores
│   ├── ImageError               an image that is missing, damaged or none
│   │   └── ImageTooLargeError   an image of too many pixels or bytes
│   ├── EmptyDataError           no rows, or no rows with text
│   ├── MissingLabelError        rows without a label
│   ├── MissingSideError         a pair of texts that has only one
│   ├── EntityError              a marked entity does not match its offsets
│   ├── BadSpanError             spans that are outside their text, or overlap
│   ├── AnswerPlaceError         an answer that is not in its passage at the given offset
│   ├── TooFewLabelsError        fewer than two different labels
│   ├── RareLabelError           labels with too few rows to be split
│   ├── IdLabelError             a label column with as many values as rows
│   ├── UnknownLabelError        labels in one split that are not in the training rows
│   └── LeakageError             test rows that are also in the training rows
├── BundleError                  a sealed folder that cannot be trusted or read      exit 1
│   ├── TamperedBundleError      a file was altered, added or removed after sealing
│   └── UnsafeFileError          a file that could run code when loaded
├── BaseModelError               a pretrained model that cannot be used              exit 1
│   └── WrongHashError           the weights do not match their SHA-256
├── EndpointError                a model behind an endpoint refused or did not answer exit 1
├── BudgetError                  nothing fits in the given time or memory   exit 1
├── StorageError                 a write to disk failed; no partial file is left     exit 1
├── InUseError                   another process works on the same run or file       exit 1
└── InterruptedRunError          the user stopped a run; says how to resume          exit 130
"""

import difflib
import reprlib
from collections.abc import Iterable, Mapping, Sequence

from metier.figures import count_of

MOST_NAMED = 5  # Of what may be hundreds, a message names so many and counts the rest.
LONGEST_QUOTED = 80  # Characters of a value in a message: what was sent can be megabytes long.


class MetierError(Exception):
    """Base of every error the user can fix; anything else that escapes is our bug."""

    exit_code = 1
    code = "error"  # What programs read, in `--json` and over HTTP.


class CallError(MetierError, ValueError):
    """The call was wrong: a flag, a name or a combination that cannot work."""

    exit_code = 2
    code = "bad_call"


class MissingColumnError(CallError, KeyError):
    """A column that was named is not in the rows."""

    code = "missing_column"

    def __init__(self, column: str, *, found: Sequence[str], origin: str, flag: str):
        self.column = column
        columns = ", ".join(found) if found else "no columns"
        hint = suggest(column, found)
        self.message = (
            f"{origin} has no column {column!r}; it has: {columns}.{hint} Name the right one with {flag}."
        )
        super().__init__(self.message)

    def __str__(self) -> str:
        return self.message  # KeyError would print the message inside quotes.


class UnknownNameError(CallError, KeyError):
    """A method, base, task or metric that does not exist."""

    code = "unknown_name"

    def __init__(self, kind: str, name: str, *, known: Iterable[str], listed_by: str | None = None):
        choices = sorted(known)
        rest = f"Known: {', '.join(choices)}." if listed_by is None else f"See all with: {listed_by}"
        self.message = f"There is no {kind} called {name!r}.{suggest(name, choices)} {rest}"
        super().__init__(self.message)

    def __str__(self) -> str:
        return self.message


class SettingsError(CallError):
    """Unknown or out-of-range settings; all faults are listed together."""

    code = "bad_settings"

    def __init__(self, faults: Sequence[str], *, origin: str = "The settings"):
        listed = "\n".join(f"  - {fault}" for fault in faults)
        noun = "fault" if len(faults) == 1 else "faults"
        super().__init__(f"{origin}: {len(faults)} {noun}; nothing was started:\n{listed}")


class WrongTypeError(CallError, TypeError):
    """An argument, or a part of it, of another type than is expected."""

    code = "wrong_type"


class MissingExtraError(CallError, ImportError):
    """An optional package that is not installed."""

    code = "missing_extra"

    def __init__(self, what: str, *, extra: str):
        super().__init__(
            f"{what} needs packages that are not installed. Install them with: pip install 'metier[{extra}]'"
        )


class PlugInError(CallError):
    """A plug-in that cannot be imported, or lacks a part of its contract."""

    code = "bad_plug_in"

    def __init__(self, group: str, name: str, place: str, fault: str):
        super().__init__(
            f"The plug-in {name} ({place}, entry point group {group}) cannot be used: {fault}. "
            "Correct or uninstall the package that adds it, or leave its name out."
        )


class NoNetworkError(CallError):
    """Something that needs a network."""

    code = "no_network"


class RequestError(CallError):
    """A request to the service that cannot be answered."""

    code = "bad_request"


class DataError(MetierError, ValueError):
    """The rows cannot be used."""

    code = "bad_data"


class UnreadableFileError(DataError):
    """The file is missing, broken or not in the format of its name."""

    code = "unreadable_file"


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


class ImageError(DataError):
    """An image that is missing, damaged, or no image: which one, what is wrong with it, what to do."""

    code = "bad_image"

    def __init__(self, called: str, fault: str, cure: str):
        self.called, self.fault, self.cure = called, fault, cure
        super().__init__(f"The image {called} cannot be used: {fault}. {cure}")


class ImageTooLargeError(ImageError):
    """An image of too many pixels or bytes, which is refused before it is decoded."""

    code = "image_too_large"

    def __init__(self, called: str, found: str, allowed: int, *, unit: str = "pixels"):
        super().__init__(called, f"it has {found}; {allowed:,} {unit} are allowed", "Make it smaller.")


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


class BundleError(MetierError):
    """A sealed folder that cannot be trusted or read."""

    code = "bad_bundle"


class TamperedBundleError(BundleError):
    """A file of the bundle was altered, added or removed after sealing."""

    code = "tampered_bundle"


class UnsafeFileError(BundleError):
    """A file that could run code when loaded."""

    code = "unsafe_file"


class BaseModelError(MetierError):
    """A pretrained model that cannot be used."""

    code = "bad_base"


class WrongHashError(BaseModelError):
    """The weights do not match their SHA-256."""

    code = "wrong_hash"


class EndpointError(MetierError):
    """A model behind an endpoint refused or did not answer."""

    code = "endpoint"


class BudgetError(MetierError):
    """Nothing fits in the given time or memory."""

    code = "budget"


class StorageError(MetierError, OSError):
    """A write to disk failed; no partial file is left."""

    code = "storage"


class InUseError(MetierError):
    """Another process works on the same run or file; says which, since when, and what to do."""

    code = "in_use"

    def __init__(self, what: object, holder: Mapping[str, object]):
        who = "by another process"
        stop = "stop that process"
        if holder:
            who = f"by process {holder['pid']} on {holder['host']}, since {holder['since']}"
            stop = f"stop it (on {holder['host']}: kill {holder['pid']})"
        super().__init__(f"{what} is in use {who}. Wait until it has ended, or {stop}; then try again.")


class InterruptedRunError(MetierError):
    """The user stopped a run; the message says how to resume."""

    exit_code = 130
    code = "interrupted"


def suggest(name: str, known: Iterable[str]) -> str:
    """Give ` Did you mean 'x'?` for the nearest known name, or an empty string; a version may be left out."""
    if len(name) > LONGEST_QUOTED:  # No slip of the keys, and comparing takes time and memory by its length.
        return ""
    names = list(known)
    folded = {candidate.casefold().rpartition(".v")[0]: candidate for candidate in names}
    folded |= {candidate.casefold(): candidate for candidate in names}
    folded.pop("", None)
    nearest = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.5)
    return f" Did you mean {folded[nearest[0]]!r}?" if nearest else ""


def quoted(value: object) -> str:
    """Give a value as Python writes it, at most about `LONGEST_QUOTED` characters, without writing all of it first."""
    short = reprlib.Repr()
    short.maxstring = short.maxlong = short.maxother = LONGEST_QUOTED
    return short.repr(value)[: 2 * LONGEST_QUOTED]
