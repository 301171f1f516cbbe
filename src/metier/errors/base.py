"""The base of all errors, and those that are not of rows: of a call, a bundle, a base model, the machine."""

from collections.abc import Iterable, Mapping, Sequence

from metier.errors.quoting import suggest


class MetierError(Exception):
    """Base of every error the user can fix; anything else that escapes is our bug."""

    exit_code = 1
    code = "error"  # What programs read, in `--json` and over HTTP.


class CallError(MetierError, ValueError):
    """The call was wrong: a flag, a name or a combination that cannot work."""

    exit_code = 2
    code = "bad_call"


class CompressionError(MetierError, ValueError):
    """A bundle that a technique cannot make smaller, or rows that cannot show that it stayed as good."""


class RegistryError(MetierError, ValueError):
    """A change of a registry that its rules do not allow."""

    code = "registry"


class PredictionLogError(MetierError):
    """A store of predictions that cannot be used."""

    code = "prediction_log"


class SourceError(MetierError):
    """A source of messages that cannot be reached or read."""

    code = "source"


class WatchStoreError(MetierError):
    """A store of watched messages that cannot be used."""

    code = "watch_store"


class ConversationStoreError(MetierError):
    """A memory of conversations that cannot be used."""

    code = "memory"


class QueueError(MetierError):
    """A queue of rows to be labelled that cannot be used."""

    code = "queue"


class ReplayStoreError(MetierError):
    """A store of rows to be learned again that cannot be used."""

    code = "replay_store"


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


class ConversationError(WrongTypeError):
    """Messages of another form than is expected, or nothing in them to answer: where, and what was found."""

    code = "bad_conversation"

    def __init__(self, field: str, fault: str):
        self.field, self.fault = field, fault
        super().__init__(
            f"Field {field!r} of the conversation cannot be used: {fault}. Give a list of messages, each with role and "
            "content, of which one of the role user has words or a picture."
        )


class MissingExtraError(CallError, ImportError):
    """An optional package that is not installed."""

    code = "missing_extra"

    def __init__(self, what: str, *, extra: str, packages: Sequence[str] = ()):
        named = " ".join((f"'metier[{extra}]'", *packages))
        super().__init__(
            f"{what} needs packages that are not installed. Install them with: pip install {named}"
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


class BundleError(MetierError):
    """A sealed folder that cannot be trusted or read."""

    code = "bad_bundle"


class TamperedBundleError(BundleError):
    """A file of the bundle was altered, added or removed after sealing."""

    code = "tampered_bundle"


class UnsafeFileError(BundleError):
    """A file that could run code when loaded."""

    code = "unsafe_file"


class SignatureError(BundleError):
    """A bundle whose signature is missing, broken, or not of a key that is trusted."""

    code = "bad_signature"


class KeyFileError(MetierError):
    """A file of keys that cannot be read."""

    code = "bad_keys"


class AuditLogError(MetierError):
    """An audit log that cannot be read, or whose chain is broken."""

    code = "bad_audit_log"


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


class TrainingError(MetierError):
    """A training that goes wrong however low its learning rate."""

    code = "training"


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
