"""What may come next in a JSON text that a schema describes: an automaton over bytes, and over tokens that write them.

A configuration is what is still to be written, the next part first: `(part, (part, ...))`, `()` at the end. Where there
is a choice (a key that may be left out, an array that may end) there are several. Strings follow UTF-8 byte by byte, so
that a token may be half a character.

Each configuration has a cost: the fewest tokens that can finish it. Only tokens after which the rest can still be paid for
are allowed, so that an answer is whole however few tokens it has.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from metier.predictors.text.decoding.json_schema import (
    MOST_DIGITS,
    MOST_FRACTION,
    Array,
    Literals,
    Node,
    Number,
    Object,
    Property,
    Text,
    as_json,
)
from metier.predictors.text.decoding.vocabulary import IMPOSSIBLE, Branch, Vocabulary

QUOTE, ESCAPE = 0x22, 0x5C
MOST_TABLES = 128  # Of the tokens that may come, kept.
MOST_STEPS = 100_000


class Keys(NamedTuple):
    """The keys of an object from one on, and its end."""

    properties: tuple[Property, ...]
    at: int
    is_first: bool


class Items(NamedTuple):
    """The items of an array after so many, and its end."""

    array: Array
    n: int


class Body(NamedTuple):
    """The inside of a string and its end: characters left (-1: any number), and where in a character it stands."""

    left: int
    form: int


class Digits(NamedTuple):
    """The rest of a number: where in it we are, and how many digits this part of it has."""

    is_whole: bool
    phase: str
    n: int


Part = bytes | Node | Keys | Items | Body | Digits
Configuration = tuple  # Of a part and a configuration, or of nothing.

# Where in a character of a string: 0 between two; 1 to 3 so many bytes to come; 4 to 7 after a first byte whose second is
# bounded (E0, ED, F0, F4); 8 after a backslash.
_ESCAPED = 8
_CONTINUES = {1: (0x80, 0xBF, 0), 2: (0x80, 0xBF, 1), 3: (0x80, 0xBF, 2), 4: (0xA0, 0xBF, 1)}
_CONTINUES |= {5: (0x80, 0x9F, 1), 6: (0x90, 0xBF, 2), 7: (0x80, 0x8F, 2)}
_FORMS: list[dict[int, int]] = [
    {byte: 0 for byte in range(0x20, 0x80) if byte not in (QUOTE, ESCAPE)}
    | {ESCAPE: _ESCAPED, 0xE0: 4, 0xED: 5, 0xF0: 6, 0xF4: 7}
    | dict.fromkeys(range(0xC2, 0xE0), 1)
    | dict.fromkeys([*range(0xE1, 0xED), 0xEE, 0xEF], 2)
    | dict.fromkeys(range(0xF1, 0xF4), 3),
    *(dict.fromkeys(range(low, high + 1), after) for low, high, after in _CONTINUES.values()),
    dict.fromkeys(b'"\\/bfnrt', 0),
]
# Of a number: what may follow, and where that leads. A part ends with its digits full.
_STARTS = {"start": "-0d", "minus": "0d", "zero": ".e", "whole": "d.e", "point": "d", "fraction": "de"}
_STARTS |= {"e": "+-d", "sign": "d", "exponent": "d"}
_LEADS = {"start": "whole", "minus": "whole", "whole": "whole", "point": "fraction", "fraction": "fraction"}
_LEADS |= {"e": "exponent", "sign": "exponent", "exponent": "exponent"}
_ENDS = ("zero", "whole", "fraction", "exponent")
_MOST_OF = {"whole": MOST_DIGITS, "fraction": MOST_FRACTION, "exponent": 2}


class JsonAutomaton:
    """Follows a text by its bytes, and says which tokens may come. Safe to share between threads.

    Parameters
    ----------
    schema : Node
    vocabulary : Vocabulary
    """

    def __init__(self, schema: Node, vocabulary: Vocabulary):
        self._vocabulary = vocabulary
        self._steps: dict[tuple[Configuration, int], tuple[Configuration, ...]] = {}
        self._tables: dict[Configuration, tuple[np.ndarray, np.ndarray]] = {}
        self._inside: dict[int, _Inside] = {}
        self._node_costs: dict[Node, int] = {}
        self._form_costs = _form_costs(vocabulary)
        self.start = frozenset(self._open((schema, ())))

    def cost(self, state: Iterable[Configuration]) -> int:
        """Give the fewest tokens that finish a text; 0 where it may end."""
        return min((self._cost(configuration) for configuration in state), default=IMPOSSIBLE)

    def after(self, state: frozenset[Configuration], token: int) -> frozenset[Configuration]:
        """Give the state after a token; empty where it must not come."""
        written = self._vocabulary.written.get(token, b"")
        if not written:
            return frozenset()
        for byte in written:
            state = frozenset(new for one in state for new in self._step(one, byte))
        return state

    def tokens(self, state: frozenset[Configuration]) -> tuple[np.ndarray, np.ndarray]:
        """Give the tokens that may come.

        Returns
        -------
        ids : ndarray of int64 of shape (n_allowed,)
        costs : ndarray of int64 of shape (n_allowed,)
            Tokens that the rest takes at least.
        """
        tables = [self._table(configuration) for configuration in state if configuration]
        if len(tables) == 1:
            return tables[0]
        if not tables:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        ids, costs = (np.concatenate(column) for column in zip(*tables, strict=True))
        order = np.lexsort((costs, ids))
        found, first = np.unique(ids[order], return_index=True)
        return found, costs[order][first]

    def _step(self, configuration: Configuration, byte: int) -> tuple[Configuration, ...]:
        key = (configuration, byte)
        found = self._steps.get(key)
        if found is None:
            found = tuple(self._taken(configuration, byte)) if configuration else ()
            if len(self._steps) >= MOST_STEPS:
                self._steps.clear()
            self._steps[key] = found
        return found

    def _taken(self, configuration: Configuration, byte: int) -> list[Configuration]:
        part, rest = configuration
        if isinstance(part, bytes):
            if part[0] != byte:
                return []
            return self._open((part[1:], rest)) if len(part) > 1 else self._open(rest)
        if isinstance(part, Digits):
            new = _after_digit(part, byte)
            return [] if new is None else self._open((new, rest))
        if part.form == 0 and byte == QUOTE:
            return self._open(rest)
        form = _FORMS[part.form].get(byte)
        begins = part.form == 0
        if form is None or (begins and part.left == 0):
            return []
        return [(Body(part.left - 1 if begins and part.left > 0 else part.left, form), rest)]

    def _open(self, configuration: Configuration) -> list[Configuration]:
        """Give what a configuration stands for, such that each begins with something to be written."""
        if not configuration:
            return [()]
        part, rest = configuration
        match part:
            case Keys():
                return self._open_keys(part, rest)
            case Items():
                return self._open_items(part, rest)
            case Digits() if part.phase in _ENDS:
                return [configuration, *self._open(rest)]
            case bytes() | Body() | Digits():
                return [configuration]
            case Literals():
                return [(text.encode(), rest) for text in part.texts]
            case Text():
                return [(b'"', (Body(-1 if part.most is None else part.most, 0), rest))]
            case Number():
                return [(Digits(part.is_whole, "start", 0), rest)]
            case Array():
                return [(b"[", (Items(part, 0), rest))]
            case Object():
                return [(b"{", (Keys(part.properties, 0, True), rest))]
        return [found for option in part.options for found in self._open((option, rest))]

    def _open_keys(self, keys: Keys, rest: Configuration) -> list[Configuration]:
        if keys.at == len(keys.properties):
            return [(b"}", rest)]
        one = keys.properties[keys.at]
        found = [(_key(one, keys.is_first), (one.value, (Keys(keys.properties, keys.at + 1, False), rest)))]
        if not one.is_required:
            found += self._open_keys(Keys(keys.properties, keys.at + 1, keys.is_first), rest)
        return found

    def _open_items(self, items: Items, rest: Configuration) -> list[Configuration]:
        array, n = items
        found: list[Configuration] = [(b"]", rest)] if n >= array.fewest else []
        if array.most is None or n < array.most:
            # Past the fewest, and without a most, the number makes no difference.
            counted = n + 1 if array.most is not None else min(n + 1, max(array.fewest, 1))
            after = (Items(array, counted), rest)
            found += [(b", ", (array.items, after))] if n else self._open((array.items, after))
        return found

    def _cost(self, configuration: Configuration) -> int:
        total = 0
        while configuration:
            part, configuration = configuration
            total += self._cost_of(part)
        return min(total, IMPOSSIBLE)

    def _cost_of(self, part: Part) -> int:
        match part:
            case bytes():
                return self._vocabulary.cost(part)
            case Body():
                return self._form_costs[part.form]
            case Digits():
                return 0 if part.phase in _ENDS else self._vocabulary.cost(b"0")
            case Keys():
                return self._cost_of_keys(part)
            case Items():
                missing = max(part.array.fewest - part.n, 0)
                between = missing - (1 if part.n == 0 and missing else 0)
                written = missing * self._cost_of(part.array.items) + between * self._vocabulary.cost(b", ")
                return written + self._vocabulary.cost(b"]")
        if part not in self._node_costs:
            self._node_costs[part] = min(self._cost(one) for one in self._open((part, ())))
        return self._node_costs[part]

    def _cost_of_keys(self, keys: Keys) -> int:
        total, is_first = self._vocabulary.cost(b"}"), keys.is_first
        for one in keys.properties[keys.at :]:
            if one.is_required:
                total += self._vocabulary.cost(_key(one, is_first)) + self._cost_of(one.value)
                is_first = False
        return total

    def _table(self, configuration: Configuration) -> tuple[np.ndarray, np.ndarray]:
        part, rest = configuration
        if isinstance(part, Body):  # More characters than a token has make no difference.
            configuration = (Body(min(part.left, self._vocabulary.longest), part.form), rest)
        found = self._tables.get(configuration)
        if found is None:
            pairs: dict[int, int] = {}
            ids = costs = np.zeros(0, np.int64)
            if isinstance(part, Body):
                ids, costs = self._string_table(configuration[0], rest, pairs)
            else:
                self._walk(self._vocabulary.root, (configuration,), pairs)
            ids = np.concatenate([ids, np.fromiter(pairs.keys(), np.int64, len(pairs))])
            costs = np.concatenate([costs, np.fromiter(pairs.values(), np.int64, len(pairs))])
            found = ids, costs
            if len(self._tables) >= MOST_TABLES:
                self._tables.clear()
            self._tables[configuration] = found
        return found

    def _string_table(
        self, body: Body, rest: Configuration, pairs: dict[int, int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Tokens within a string; those that close it go into `pairs`, followed byte by byte."""
        inside = self._inside.get(body.form)
        if inside is None:
            inside = self._inside[body.form] = _Inside.of(self._vocabulary.root, body.form)
        fits = inside.n_characters <= (body.left if body.left >= 0 else IMPOSSIBLE)
        behind = tuple(self._open(rest))
        for n_characters, branch in inside.closings:
            if body.left < 0 or n_characters <= body.left:
                self._walk(branch, behind, pairs)
        costs = np.array(self._form_costs, np.int64)[inside.forms[fits]] + self._cost(rest)
        return inside.ids[fits], costs

    def _walk(self, branch: Branch, state: tuple[Configuration, ...], pairs: dict[int, int]) -> None:
        if branch.ids:
            cost = self.cost(state)
            pairs.update(dict.fromkeys(branch.ids, cost))
        for byte, beyond in branch.next.items():
            after = tuple(dict.fromkeys(new for one in state for new in self._step(one, byte)))
            if after:
                self._walk(beyond, after, pairs)


class _Inside(NamedTuple):
    """What each token does inside a string, begun at one place within a character."""

    ids: np.ndarray
    n_characters: np.ndarray
    forms: np.ndarray
    closings: list[tuple[int, Branch]]  # Characters before a quotation mark, and what stands behind it.

    @classmethod
    def of(cls, root: Branch, form: int) -> "_Inside":
        found: list[tuple[int, int, int]] = []
        closings: list[tuple[int, Branch]] = []
        ahead = [(root, form, 0)]
        while ahead:
            branch, form, n = ahead.pop()
            found += [(at, n, form) for at in branch.ids]
            for byte, beyond in branch.next.items():
                if form == 0 and byte == QUOTE:
                    closings.append((n, beyond))
                elif (new := _FORMS[form].get(byte)) is not None:
                    ahead.append((beyond, new, n + (form == 0)))
        columns = np.array(found, np.int64).reshape(-1, 3).T
        return cls(columns[0], columns[1], columns[2], closings)


def _form_costs(vocabulary: Vocabulary) -> list[int]:
    """Tokens that close a string, from each place within a character: by single bytes, for nothing else is sure."""
    single = {byte for byte in range(256) if vocabulary.cost(bytes([byte])) == 1}
    costs = [1 if QUOTE in single else IMPOSSIBLE] + [IMPOSSIBLE] * _ESCAPED
    for form in (1, 2, 3, 4, 5, 6, 7, _ESCAPED):
        ways = [costs[new] + 1 for byte, new in _FORMS[form].items() if byte in single]
        costs[form] = min(ways, default=IMPOSSIBLE)
    return costs


def _after_digit(part: Digits, byte: int) -> Digits | None:
    is_digit = 0x30 <= byte <= 0x39
    allowed = _STARTS[part.phase]
    if is_digit:
        if part.phase in ("start", "minus") and byte == 0x30:
            return Digits(part.is_whole, "zero", 1)
        phase = _LEADS.get(part.phase, "")
        n = part.n + 1 if phase == part.phase else 1
        return Digits(part.is_whole, phase, n) if "d" in allowed and n <= _MOST_OF[phase] else None
    sign = chr(byte)
    if sign not in allowed or sign in "0d" or (part.is_whole and sign in ".e"):
        return None
    if part.phase == "start":
        return Digits(part.is_whole, "minus", 0)
    return Digits(part.is_whole, {".": "point", "e": "e"}.get(sign, "sign"), 0)


def _key(one: Property, is_first: bool) -> bytes:
    return f"{'' if is_first else ', '}{as_json(one.key)}: ".encode()
