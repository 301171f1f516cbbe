"""The sections of a dossier, from a bundle, its run, what was tested, and what is stated.

A section has entries (a name with a value, or with how to state it) and tables. All names are English here; the page says
them in its language.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from metier.assurance.behaviour.testing import FORMAT as BEHAVIOUR
from metier.assurance.dossier.stated import FILE, Stated
from metier.assurance.fairness.preference import FORMAT as PREFERENCE
from metier.assurance.fairness.testing import FORMAT as FAIRNESS
from metier.assurance.memorisation.exposure import FORMAT as MEMORISED
from metier.bundles import Bundle
from metier.figures import count, milliseconds, size

FORMATS = (BEHAVIOUR, FAIRNESS, PREFERENCE, MEMORISED)
OF_BUNDLES = (BEHAVIOUR, FAIRNESS)  # These name the method that was tested.
IN_FILE = "state {entry} in {file}"
AUDITED = "personal-data"


@dataclass(frozen=True)
class Entry:
    """A fact.

    Parameters
    ----------
    name : str
    value : str or None
        None: it is not stated.
    how : str
        How to state it.
    is_stated : bool
        Whether the value is in the owner's own words, which are shown as they are.
    """

    name: str
    value: str | None
    how: str = ""
    is_stated: bool = False


@dataclass(frozen=True)
class FigureTable:
    """Figures in rows; the first cell of a row names it."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Section:
    """A part of the dossier."""

    title: str
    entries: tuple[Entry, ...] = ()
    tables: tuple[FigureTable, ...] = ()
    notes: tuple[str, ...] = field(default=())

    def as_dict(self) -> dict[str, Any]:
        """Give it as plain values, for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Evidence:
    """What a dossier is made of.

    Parameters
    ----------
    bundle : Bundle
    run : mapping
        `data.json` of its run; empty where the bundle lies in none.
    tested : mapping of str to mapping
        What `metier test` found, by its format.
    stated : Stated
    """

    bundle: Bundle
    run: Mapping[str, Any]
    tested: Mapping[str, Mapping[str, Any]]
    stated: Stated


def sections_of(evidence: Evidence) -> tuple[Section, ...]:
    """Give all sections, in order."""
    return (
        _model(evidence),
        _use(evidence),
        _data(evidence),
        _figures(evidence),
        _behaviour(evidence),
        _fairness(evidence),
        _personal(evidence),
        _oversight(evidence),
        _gate(evidence),
    )


def tested_sections(evidence: Evidence) -> tuple[Section, ...]:
    """Give the sections that are made of what was tested."""
    return _behaviour(evidence), _fairness(evidence), _personal(evidence)


def _said(stated: Stated, entry: str, name: str) -> Entry:
    values = stated.model_dump()
    return Entry(name, values[entry], IN_FILE.format(entry=entry, file=FILE), is_stated=True)


def _model(evidence: Evidence) -> Section:
    manifest = evidence.bundle.manifest
    base = manifest.base or {}
    entries = [
        Entry("method", manifest.name),
        Entry("task", manifest.task.name),
        Entry("labels", count(len(manifest.task.labels)) if manifest.task.labels else "–"),
        Entry("pretrained model", str(base.get("name", "–")) if base else "–"),
        Entry("adaptation", manifest.adaptation or "–"),
        Entry("sealed", manifest.created.isoformat()),
        Entry("sealed files", count(len(manifest.files))),
        Entry("packages", ", ".join(f"{name} {version}" for name, version in manifest.packages.items()) or "–"),
    ]
    if manifest.measured is not None:
        entries.append(Entry("size", size(manifest.measured.size_bytes)))
        entries.append(
            Entry("time of one answer (95th percentile)", milliseconds(manifest.measured.latency_ms.p95))
        )
    return Section("The model", tuple(entries))


def _use(evidence: Evidence) -> Section:
    stated = evidence.stated
    names = {"intended_use": "intended use", "not_intended": "not intended", "owner": "owner"}
    return Section("Intended use", tuple(_said(stated, entry, name) for entry, name in names.items()))


def _data(evidence: Evidence) -> Section:
    data = evidence.bundle.manifest.data
    shares = {name: share for name, share in data.language_shares.items() if share}
    entries = [
        Entry("source", data.origin),
        Entry("fingerprint (SHA-256)", data.fingerprint),
        Entry("trained on", data.trained_on),
        Entry("languages", ", ".join(f"{name} {100 * share:.0f} %" for name, share in shares.items()) or "–"),
        _said(evidence.stated, "data_licence", "licence of the rows"),
    ]
    if evidence.bundle.manifest.base:
        entries.append(_said(evidence.stated, "base_licence", "licence of the pretrained model"))
    prints, origins = (evidence.run.get(key) or {} for key in ("fingerprints", "origins"))
    rows = tuple(
        (name, count(n), str(origins.get(name, "–")), str(prints.get(name, "–")))
        for name, n in data.rows.items()
    )
    table = FigureTable(("part", "rows", "source", "fingerprint (SHA-256)"), rows)
    return Section("Lineage of the data", tuple(entries), (table,), tuple(_findings(evidence.run)))


def _findings(run: Mapping[str, Any]) -> Iterator[str]:
    """Give what was said of the rows, and the errors that were found in them."""
    yield from run.get("notes") or ()
    for one in (run.get("audit") or {}).get("findings", ()):
        if one["severity"] == "error":
            yield str(one["sentence"])


def _figures(evidence: Evidence) -> Section:
    tested = evidence.bundle.tested
    rows = tuple((name, _interval(value)) for name, value in tested.items())
    if not rows:
        how = "train with test rows: metier train ROWS --test TEST"
        return Section("Figures on the test rows", (Entry("test rows", None, how),))
    return Section("Figures on the test rows", tables=(FigureTable(("metric", "figure"), rows),))


def _behaviour(evidence: Evidence) -> Section:
    found = evidence.tested.get(BEHAVIOUR)
    if found is None:
        return Section("Behaviour", (Entry("behaviour tests", None, _how("")),))
    rows = tuple(
        (f"{one['kind']}.{one['name']}", _interval(one["failure"]), count(len(one["cases"])))
        for one in found["tests"]
    )
    table = FigureTable(("test", "share that fails", "cases"), rows)
    return Section("Behaviour", (Entry("rows", str(found["rows"] or "–")),), (table,))


def _fairness(evidence: Evidence) -> Section:
    found = evidence.tested.get(FAIRNESS)
    entries: list[Entry] = []
    tables: list[FigureTable] = []
    if found is None:
        entries.append(Entry("words that name groups", None, _how(" --suite fairness")))
    else:
        entries.append(Entry("rows", str(found["rows"])))
        kinds = [one for one in found["identity"] if one["rows"]]
        unnamed = [one["kind"] for one in found["identity"] if not one["rows"]]
        if kinds:
            heads = ("kind of group", "answers that turn", "largest gap", "between", "rows")
            tables.append(FigureTable(heads, tuple(map(_kind, kinds))))
        if unnamed:
            entries.append(Entry("named in no row", ", ".join(unnamed)))
        for column in found["columns"]:
            named = ("difference between groups", "largest", "between")
            tables.append(FigureTable(named, tuple(_differences(column))))
    if (base := evidence.tested.get(PREFERENCE)) is not None:
        parts = {"all": base["all"], **base["parts"]}
        shares = tuple((name, _interval(one), count(one["rows"])) for name, one in parts.items())
        tables.append(FigureTable(("preference of the base", "share", "rows"), shares))
    return Section("Fairness", tuple(entries), tuple(tables))


def _kind(one: Mapping[str, Any]) -> tuple[str, ...]:
    between = "–"
    if one["between"]:
        higher, lower, label = one["between"]
        between = f"{higher} > {lower}" + (f" ({label})" if label else "")
    return (one["kind"], _interval(one["flips"]), _interval(one["gap"]), between, count(one["rows"]))


def _differences(column: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for one in column["differences"]:
        name = f"{column['column']}.{one['measure']}" + (f" ({one['label']})" if one["label"] else "")
        yield name, _interval(one), f"{one['higher']} > {one['lower']}"


def _personal(evidence: Evidence) -> Section:
    audit = evidence.run.get("audit") or {}
    found = [one for one in audit.get("findings", ()) if one["check"] == AUDITED]
    entries = [_said(evidence.stated, "personal_data", "personal data")]
    checked = "; ".join(str(one["sentence"]) for one in found) or "none found" if audit else None
    entries.append(
        Entry(
            "found in the training rows",
            checked,
            "keep the bundle in the folder of its run, whose rows were checked",
        )
    )
    tables: tuple[FigureTable, ...] = ()
    if (memory := evidence.tested.get(MEMORISED)) is not None:
        heads = ("planted secrets: times", "mean exposure (bits)", "secrets")
        rows = tuple(
            (times, f"{one['mean']:.1f} [{one['low']:.1f}, {one['high']:.1f}]", count(one["secrets"]))
            for times, one in memory["by_times"].items()
        )
        tables = (FigureTable(heads, rows),)
    return Section("Personal data", tuple(entries), tables)


def _oversight(evidence: Evidence) -> Section:
    names = {"retention": "retention", "human_oversight": "human oversight"}
    return Section(
        "Retention and oversight", tuple(_said(evidence.stated, entry, name) for entry, name in names.items())
    )


def _gate(evidence: Evidence) -> Section:
    gate = evidence.bundle.manifest.gate
    if gate is None:
        how = "judge it: metier gate BUNDLE --policy policy.yaml"
        return Section("Release gate", (Entry("verdict", None, how),))
    entries = (
        Entry("verdict", str(gate["verdict"])),
        Entry("policy", str(gate["policy"]["file"])),
        Entry("judged", str(gate["created"])),
    )
    rows = tuple(
        (one["condition"], one["verdict"], _interval(one), count(one["rows"]) if one["rows"] else "–")
        for one in gate["conditions"]
    )
    tables = (FigureTable(("condition", "verdict", "figure", "rows"), rows),) if rows else ()
    return Section("Release gate", entries, tables)


def _how(suite: str) -> str:
    return f"metier test BUNDLE ROWS{suite} --output tested.json; then give it with --evidence, or ROWS with --rows"


def _interval(found: Any) -> str:
    """Write a figure with its interval; a number alone has none."""
    if not isinstance(found, Mapping):
        return "–" if found is None else f"{found:.4g}"
    if found.get("value") is None:
        return "–"
    ends: Sequence[Any] = (found.get("low"), found.get("high"))
    if None in ends:
        return f"{found['value']:.3f}"
    return f"{found['value']:.3f} [{ends[0]:.3f}, {ends[1]:.3f}]".replace("-", "−")
