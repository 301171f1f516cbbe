"""Fill a queue: let a model answer the rows, draw some by chance, choose the others, and say why each is there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from pydantic import BaseModel, Field

from metier.bundles import Bundle
from metier.continual.queue.answered_pool import Answered, answered, unanswered
from metier.continual.queue.candidates import Candidate, Candidates, text_id
from metier.continual.queue.costs import Costs, expected_seconds
from metier.continual.queue.items import NewItem
from metier.continual.queue.rounds import Watched
from metier.continual.queue.store import QueueStore
from metier.continual.queue.strategies import Pick, Pool, build_strategy, check_can_choose
from metier.continual.queue.strategies.pool import given, percent
from metier.errors import CallError
from metier.progress import Listener, ignore

FIRST = "stratified"
OF_ONE_LABEL = ("stratified", "class_balance", "disagreement")
UNSURE = ("least_confidence", "breaking_ties", "entropy")
AUDIT = ("audit", "Drawn by chance from all rows: rows like this alone estimate accuracy.")
WATCHED_ROWS = 1_000  # Whose answers are kept of each round.


class Filling(BaseModel, frozen=True, extra="forbid"):
    """How a queue is filled."""

    strategies: tuple[str, ...] = Field(
        default=(), description="In turns; none: breaking_ties, at first stratified."
    )
    n: int = Field(default=100, ge=1, description="Rows to add.")
    audit_fraction: float = Field(default=0.1, ge=0, le=1, description="Share of them drawn by chance.")
    most_rows: int = Field(
        default=20_000, ge=1, description="Rows that are looked at; of more so many by chance."
    )
    mask: bool = Field(default=True, description="Whether personal data in texts is masked.")
    costs: Costs = Field(default=Costs(), description="What labels cost.")
    random_state: int = Field(default=0, ge=0)


@dataclass
class Filled:
    """What was added.

    Parameters
    ----------
    added : int
    looked_at : int
        Rows that were waiting to be chosen.
    by : dict of str to int
        Rows by what chose them.
    notes : list of str
        Why there are fewer than were asked for, and what was left out.
    seconds : float
        That the labels are expected to take.
    money : float
    """

    added: int = 0
    looked_at: int = 0
    by: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0
    money: float = 0.0


@dataclass(frozen=True)
class _Chosen:
    row: int
    reason: tuple[str, str]
    is_audit: bool = False


def fill(
    store: QueueStore,
    candidates: Candidates,
    *,
    model: Bundle | None = None,
    known: Sequence[tuple[str, str]] = (),
    how: Filling | None = None,
    listener: Listener = ignore,
) -> Filled:
    """Choose rows and add them.

    Parameters
    ----------
    model : Bundle, optional
        None: no model answers yet; the first rows are spread over the texts.
    known : sequence of (str, str)
        Texts with labels, such as the training rows; what the queue has decided comes on top.

    Raises
    ------
    CallError
        If a strategy lacks what it needs.
    """
    asked, found = how or Filling(), Filled(notes=list(candidates.notes))
    rng = np.random.default_rng(asked.random_state + len(store.rounds()))
    rows = _waiting(store, candidates.rows, asked, rng, found)
    if not rows:
        found.notes.append(_why_none(candidates.rows))
        return found
    pairs = [*known, *_decided(store)]
    now = _answered(model, rows, pairs, listener)
    audits = _audits(rows, asked, rng)
    names = _names(asked, now, is_first=not pairs or model is None)
    picks = [
        *audits,
        *_by_strategies(names, now.pool, {one.row for one in audits}, asked.n - len(audits), rng, found),
    ]
    picks = _paid(store, rows, picks, asked.costs, found)
    items = [_item(rows[one.row], one, now) for one in _mixed(picks, rng)]
    found.added = store.add(items, mask=asked.mask)
    for one in picks:
        found.by[one.reason[0]] = found.by.get(one.reason[0], 0) + 1
    _note(store, now, model, candidates.rows)
    return found


def _waiting(
    store: QueueStore,
    rows: Sequence[Candidate],
    asked: Filling,
    rng: np.random.Generator,
    found: Filled,
) -> list[Candidate]:
    known = {source: store.known_ids(source) for source in {one.source for one in rows}}
    new = [one for one in rows if one.id not in known[one.source]]
    if len(new) < len(rows):
        found.notes.append(f"{len(rows) - len(new):,} rows are in the queue already")
    if len(new) > asked.most_rows:
        found.notes.append(
            f"of {len(new):,} rows {asked.most_rows:,} drawn by chance are looked at (--most-rows)"
        )
        new = [new[place] for place in sorted(rng.permutation(len(new))[: asked.most_rows].tolist())]
    found.looked_at = len(new)
    return new


def _names(asked: Filling, now: Answered, *, is_first: bool) -> tuple[str, ...]:
    """Give the strategies that were named, or those to begin with; raises CallError for one that needs one label a row."""
    wrong = [name for name in asked.strategies if name in OF_ONE_LABEL and now.kind != "label"]
    if wrong:
        raise CallError(
            f"The strategy {wrong[0]} needs a model that answers with one label a row, and this one answers with "
            f"{now.kind}. Take least_confidence, badge, core_set or random."
        )
    if asked.strategies:
        return asked.strategies
    if now.kind != "label":
        return ("least_confidence",)
    return (FIRST,) if is_first else ("breaking_ties",)


def _why_none(rows: Sequence[Candidate]) -> str:
    return (
        "no row was added: all of them are in the queue already"
        if rows
        else "no row was added: there is none with a text"
    )


def _decided(store: QueueStore) -> list[tuple[str, str]]:
    done = store.decided()
    return [(one.text, str(one.answer["label"])) for one in done if one.answer and "label" in one.answer]


def _answered(
    model: Bundle | None, rows: Sequence[Candidate], known: Sequence[tuple[str, str]], listener: Listener
) -> Answered:
    texts, known_texts = [one.text for one in rows], [text for text, _ in known]
    if model is None:
        now = unanswered(texts, known=known_texts)
    else:
        now = answered(model, texts, known=known_texts, listener=listener)
    places = {label: place for place, label in enumerate(now.pool.labels)}
    codes = [places[label] for _, label in known if label in places]
    counts = np.bincount(np.array(codes, dtype=int), minlength=len(places)) if places else None
    feedback = [one.feedback for one in rows] if any(one.feedback for one in rows) else ()
    return replace(now, pool=replace(now.pool, known_counts=counts, feedback=feedback))


def _audits(rows: Sequence[Candidate], asked: Filling, rng: np.random.Generator) -> list[_Chosen]:
    """Draw rows from all, before any strategy looks; where the source drew some as they came in, those alone."""
    drawn = [place for place, one in enumerate(rows) if one.is_audit]
    places = drawn or range(len(rows))
    n_wanted = min(round(asked.n * asked.audit_fraction), len(places))
    return [_Chosen(int(place), AUDIT, is_audit=True) for place in rng.permutation(np.array(places))[:n_wanted]]


def _by_strategies(
    names: Sequence[str], pool: Pool, taken: set[int], n: int, rng: np.random.Generator, found: Filled
) -> list[_Chosen]:
    """Let strategies take turns; where they want too few rows, the rest is drawn by chance."""
    for name in names:
        check_can_choose(name, pool)
    free = np.setdiff1d(np.arange(pool.n_rows), np.array(sorted(taken), dtype=int))
    n = min(n, len(free))
    if n <= 0:
        return []
    part = pool.rows(free)
    queues = {name: build_strategy(name)(part, n, rng=rng) for name in names}
    picked = _in_turns(queues, n)
    if len(picked) < n:
        found.notes.append(
            f"{', '.join(names)} wanted {len(picked):,} rows; the other {n - len(picked):,} are drawn by chance"
        )
        for one in build_strategy("random")(part, part.n_rows, rng=rng):
            if len(picked) < n:
                picked.setdefault(one.row, ("random", one.reason))
    return [_Chosen(int(free[row]), reason) for row, reason in picked.items()]


def _in_turns(queues: dict[str, list[Pick]], n: int) -> dict[int, tuple[str, str]]:
    picked: dict[int, tuple[str, str]] = {}
    waiting = {name: iter(picks) for name, picks in queues.items()}
    while len(picked) < n and waiting:
        for name in list(waiting):
            new = next((one for one in waiting[name] if one.row not in picked), None)
            if new is None:
                del waiting[name]
            elif len(picked) < n:
                picked[new.row] = (name, new.reason)
    return picked


def _paid(
    store: QueueStore, rows: Sequence[Candidate], picks: list[_Chosen], costs: Costs, found: Filled
) -> list[_Chosen]:
    lengths = {one.number: len(one.text) for one in store.items()}
    measured = [
        (lengths[one.item], one.seconds) for one in store.labels() if one.seconds and one.item in lengths
    ]
    seconds = expected_seconds(
        [len(rows[one.row].text) for one in picks], measured=measured, otherwise=costs.seconds
    )
    n = costs.affordable(seconds.tolist())
    if n < len(picks):
        found.notes.append(f"the budget pays {n:,} of {len(picks):,} rows")
    found.seconds, found.money = float(seconds[:n].sum()), float(costs.money(seconds[:n]).sum())
    return picks[:n]


def _mixed(picks: Sequence[_Chosen], rng: np.random.Generator) -> list[_Chosen]:
    """Put rows drawn by chance among the others: who stops early has labelled some of both."""
    audits, others = [one for one in picks if one.is_audit], [one for one in picks if not one.is_audit]
    places = set(rng.permutation(len(picks))[: len(audits)].tolist())
    both = (iter(audits), iter(others))
    return [next(both[place not in places]) for place in range(len(picks))]


def _item(row: Candidate, chosen: _Chosen, now: Answered) -> NewItem:
    name, reason = chosen.reason
    if now.kind != "label" and name in UNSURE:
        least = percent(float(given(now.pool.probabilities)[chosen.row, 0]))
        reason = f"The model is only {least} % sure of the least sure part of its answer."
    return NewItem(
        row.source,
        row.id,
        row.text,
        ((name, reason),),
        now.suggestions[chosen.row],
        now.version,
        is_audit=chosen.is_audit,
        subject=row.subject,
        subject_digest=row.subject_digest,
        truth=row.truth,
        facts=row.facts,
    )


def _note(store: QueueStore, now: Answered, model: Bundle | None, rows: Sequence[Candidate]) -> None:
    """Keep the labels, and what this model answers to some rows, so that the next can be compared with it.

    Rows are taken in the order of the digests of their texts, which is one of chance: from the same source every round
    takes the same. Keys of the texts alone are kept.
    """
    if now.labels:
        known = store.setting("labels", [])
        store.change(labels=[*now.labels, *(one for one in known if one not in now.labels)], kind=now.kind)
    if model is None or now.kind != "label":
        return
    watched = dict(sorted({text_id(one.text): one.text for one in rows}.items())[:WATCHED_ROWS])
    answers: Any = model.predict(list(watched.values()))
    whom = _subjects(store, rows, watched)
    told = zip(watched, answers.predicted, strict=True)
    store.note_round(now.version, [Watched(one, label, tuple(sorted(whom[one]))) for one, label in told])


def _subjects(
    store: QueueStore, rows: Sequence[Candidate], watched: Mapping[str, str]
) -> Mapping[str, set[str]]:
    """Give the digests of those whom the watched texts are about: several may have written the same."""
    digests: dict[str, str] = {}
    found: dict[str, set[str]] = {one: set() for one in watched}
    for row in rows:
        if row.subject is None and row.subject_digest is None:
            continue
        if (own := found.get(text_id(row.text))) is None:
            continue
        if row.subject is not None:
            digests[row.subject] = digests.get(row.subject) or store.digest(row.subject)
            own.add(digests[row.subject])
        elif row.subject_digest is not None:
            own.add(row.subject_digest)
    return found
