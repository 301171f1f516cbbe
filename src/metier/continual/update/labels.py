"""The labels of a bundle through its updates: numbered once, never again, whatever happens to their names."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

from metier.errors import CallError, suggest


@dataclass(frozen=True)
class KnownLabel:
    """One label.

    Parameters
    ----------
    id : int
        Never given to another.
    name : str
    since : str
        When it came in, ISO 8601; empty: with the first training.
    until : str or None
        When it was merged or split; None: it is in use.
    formerly : tuple of str
        Names it had before.
    became : tuple of int
        Where it was merged or split: the ids of what came in its place.
    """

    id: int
    name: str
    since: str = ""
    until: str | None = None
    formerly: tuple[str, ...] = ()
    became: tuple[int, ...] = ()


@dataclass(frozen=True)
class Edits:
    """Changes of labels that are asked for.

    Parameters
    ----------
    renames : mapping of str to str
    merges : sequence of (names, name)
    splits : sequence of str
        Labels whose place is taken by others, which the update file has.
    """

    renames: Mapping[str, str] = field(default_factory=dict)
    merges: Sequence[tuple[tuple[str, ...], str]] = ()
    splits: Sequence[str] = ()

    @classmethod
    def parse(cls, renames: Iterable[str] = (), merges: Iterable[str] = (), splits: Iterable[str] = ()) -> Self:
        """Read `a=b`, `a,b=c` and `a`; raises `CallError` for other forms."""
        renamed: dict[str, str] = {}
        for one in renames:
            old, new = _sides(one, "--rename", "old=new")
            if renamed.setdefault(old, new) != new:
                raise CallError(
                    f"--rename gives {old!r} two names, {renamed[old]!r} and {new!r}. Keep one of them."
                )
            if old == new:
                raise CallError(f"--rename {one} gives a label the name that it has. Leave it out.")
        merged = []
        for one in merges:
            names, name = _sides(one, "--merge", "a,b=c")
            parts = tuple(part.strip() for part in names.split(","))
            if len(set(parts)) < 2:
                raise CallError(f"--merge {one} names fewer than two labels. Write it as --merge a,b=c.")
            merged.append((parts, name))
        return cls(renamed, merged, tuple(splits))


@dataclass(frozen=True)
class Relabelling:
    """What edits do.

    Parameters
    ----------
    table : LabelTable
        Afterwards.
    sources : tuple of tuple of int
        Of each column afterwards, the columns before that went into it.
    names : dict of str to (str or None)
        Of each name before, the name afterwards; None: split, so that nobody knows.
    """

    table: "LabelTable"
    sources: tuple[tuple[int, ...], ...]
    names: dict[str, str | None]


@dataclass(frozen=True)
class LabelTable:
    """All labels that there ever were, in the order of their ids.

    Parameters
    ----------
    labels : tuple of KnownLabel
    """

    labels: tuple[KnownLabel, ...]

    @classmethod
    def of_names(cls, names: Sequence[str]) -> Self:
        """Number the labels of a bundle that was never updated."""
        return cls(tuple(KnownLabel(number, name) for number, name in enumerate(names)))

    @classmethod
    def of_facts(cls, facts: Sequence[Mapping[str, Any]]) -> Self:
        """Read what `facts` gave."""
        tuples = ("formerly", "became")
        return cls(tuple(KnownLabel(**{**one, **{key: tuple(one[key]) for key in tuples}}) for one in facts))

    @property
    def facts(self) -> list[dict[str, Any]]:
        """As plain values, for JSON."""
        return [asdict(one) for one in self.labels]

    @property
    def in_use(self) -> list[KnownLabel]:
        """Those that are answered, in the order of their columns."""
        return [one for one in self.labels if one.until is None]

    @property
    def names(self) -> list[str]:
        """The names of those that are answered, in the order of their columns."""
        return [one.name for one in self.in_use]

    def now(self, name: str) -> str | None:
        """Give what a label of any time is called now; None: split, or never known."""
        known = [one for one in self.labels if name == one.name and one.until is None]
        known += [one for one in self.labels if name == one.name or name in one.formerly]
        if not known:
            return None
        found = known[0]
        while found.until is not None:
            if len(found.became) != 1:
                return None
            found = self.labels[found.became[0]]
        return found.name

    def edited(self, edits: Edits, *, when: str) -> Relabelling:
        """Rename, merge and split, in this order.

        Raises
        ------
        CallError
            If a label is not in use, or a name is taken by another label.
        """
        before = self.names
        table, names = self, {name: [name] for name in before}
        for old, new in edits.renames.items():
            table = table._renamed(old, new, names)
        for parts, new in edits.merges:
            table = table._merged(parts, new, when, names)
        for name in edits.splits:
            table = table._without(name, when)
            names.pop(name)
        sources = tuple(tuple(before.index(one) for one in names[name]) for name in table.names)
        now: dict[str, str | None] = dict.fromkeys(before)
        now |= {old: name for name, olds in names.items() for old in olds}
        return Relabelling(table, sources, now)

    def with_new(self, names: Iterable[str], *, when: str, splits: Sequence[str] = ()) -> "LabelTable":
        """Give new labels their ids, and note them as what came in place of those that were split."""
        labels, first = list(self.labels), len(self.labels)
        labels += [KnownLabel(first + number, name, when) for number, name in enumerate(names)]
        came = tuple(range(first, len(labels)))
        for place, one in enumerate(labels):
            if one.name in splits and one.until == when and not one.became:
                labels[place] = replace(one, became=came)
        return LabelTable(tuple(labels))

    def _find(self, name: str, flag: str) -> int:
        for one in self.in_use:
            if one.name == name:
                return one.id
        raise CallError(f"{flag} names {name!r}, which is no label of the bundle.{suggest(name, self.names)}")

    def _renamed(self, old: str, new: str, names: dict[str, list[str]]) -> "LabelTable":
        place = self._find(old, "--rename")
        if new in self.names:
            raise CallError(
                f"--rename {old}={new}: there is a label {new!r} already. To make one label of both: --merge "
                f"{old},{new}={new}"
            )
        names[new] = names.pop(old)
        label = self.labels[place]
        return self._with(place, replace(label, name=new, formerly=(*label.formerly, old)))

    def _merged(self, parts: Sequence[str], new: str, when: str, names: dict[str, list[str]]) -> "LabelTable":
        places = [self._find(part, "--merge") for part in parts]
        if new in self.names and new not in parts:
            raise CallError(
                f"--merge {','.join(parts)}={new}: there is a label {new!r} already. Merge it, too."
            )
        names[new] = [one for part in parts for one in names.pop(part)]
        table, own = self, len(self.labels)
        for place in places:
            table = table._with(place, replace(table.labels[place], until=when, became=(own,)))
        return LabelTable((*table.labels, KnownLabel(own, new, when)))

    def _without(self, name: str, when: str) -> "LabelTable":
        place = self._find(name, "--split")
        return self._with(place, replace(self.labels[place], until=when))

    def _with(self, place: int, label: KnownLabel) -> "LabelTable":
        return LabelTable((*self.labels[:place], label, *self.labels[place + 1 :]))


def _sides(text: str, flag: str, form: str) -> tuple[str, str]:
    left, sign, right = (part.strip() for part in text.rpartition("="))
    if not (sign and left and right):
        raise CallError(f"{flag} {text} is not of the form {form}. Write it as {flag} {form}.")
    return left, right
