"""What follows where another version of a bundle answers: the last messages are answered again, or a break is marked.

Either way the store says from which period on the new version holds (`watch_breaks`), so that counts of two versions are
never held against one another.

Messages are answered again from the masked texts that are kept, some hundred in a transaction; a watch that is killed
meanwhile goes on where it was. The counts and the break are written in one transaction at the end.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, insert, literal

from metier.monitoring.answering import Answerer
from metier.monitoring.answers import Answered, AnswersOfOne, Unanswered
from metier.monitoring.counting import ALL_SERIES, period_of
from metier.monitoring.series import SECONDS
from metier.monitoring.store import batches
from metier.monitoring.store.batches import VERSIONS
from metier.monitoring.store.reading import WatchedMessage, moment
from metier.monitoring.store.stored import Counts
from metier.monitoring.store.tables import ANSWERS, BREAKS, COUNTS, STATE
from metier.monitoring.store.watch_store import WatchStore
from metier.monitoring.watch_settings import WatchSettings
from metier.progress import Listener, Progress, ignore

AT_ONCE = 500


def follow_versions(
    store: WatchStore, settings: WatchSettings, answerer: Answerer, *, listener: Listener = ignore
) -> dict[str, str]:
    """Note which versions answer from now on, and give the bundles that changed with the version before.

    A bundle that is new in the settings changes from the empty version.
    """
    known: Mapping[str, str] = store.state(VERSIONS) or {}
    latest = max((one.latest for one in store.sources().values() if one.latest is not None), default=None)
    changed = {
        name: known.get(name, "") for name, version in answerer.versions.items() if known.get(name) != version
    }
    if not changed:
        return {}
    if latest is None:
        store.set_state(VERSIONS, {**known, **answerer.versions})
        return {}
    since = _answered_again_from(store, settings, latest)
    if since is not None:
        _answer_again(store, answerer, list(changed), since, listener)
    _write(store, settings, answerer.versions, changed=changed, latest=latest, since=since)
    return changed


def _answered_again_from(store: WatchStore, settings: WatchSettings, latest: datetime) -> datetime | None:
    """Give the beginning of the first period whose messages are answered again; None: none are."""
    if settings.model_change == "break" or settings.text == "none":
        return None
    days = settings.answer_again_days
    if settings.keep_days is not None:
        days = min(days, settings.keep_days - 1)  # What is older may be removed in part.
    seconds = SECONDS[settings.period]
    return moment(period_of((latest - timedelta(days=days)).timestamp(), settings.period) * seconds)


def _answer_again(
    store: WatchStore, answerer: Answerer, names: Sequence[str], since: datetime, listener: Listener
) -> None:
    total, done = store.count_messages(since=since), 0
    for batch in store.messages(since=since, batch_rows=AT_ONCE):
        own = {name: answerer.versions[name] for name in names}
        asked = [one for one in batch if one.text is not None and _lacks(one, own)]
        found = answerer.answer([one.text or "" for one in asked], names=names)
        rows = [
            batches.answer_row(one.number, name, own[name], answer, keeps_text=True)
            for one, answers in zip(asked, found, strict=True)
            for name, answer in answers.items()
            if isinstance(answer, Answered) and name in _lacks(one, own)
        ]
        if rows:
            with store.writing() as connection:
                connection.execute(insert(ANSWERS), rows)
        done += len(batch)
        listener(Progress("answering stored messages again", done, total, "messages"))


def _lacks(message: WatchedMessage, versions: Mapping[str, str]) -> list[str]:
    """Give the bundles whose version has not answered a message."""
    answers = stored_answers(message, versions)
    return [name for name, answer in answers.items() if isinstance(answer, Unanswered)]


def _write(
    store: WatchStore,
    settings: WatchSettings,
    versions: Mapping[str, str],
    *,
    changed: Mapping[str, str],
    latest: datetime,
    since: datetime | None,
) -> None:
    """Write the counts anew that the changed bundles lead to, and mark the breaks."""
    counts = None if since is None else _counted_again(store, settings, versions, changed, since)
    rows: list[dict[str, Any]] = [
        {
            "bundle": name,
            "before": before,
            "after": versions[name],
            "at": latest.timestamp(),
            "answered_again_from": None if since is None else since.timestamp(),
        }
        for name, before in changed.items()
    ]
    with store.writing() as connection:
        if since is not None and counts is not None:
            first = period_of(since.timestamp(), settings.period)
            for name in changed:
                is_of = (literal(",") + COUNTS.c.versions).contains(f",{name}=", autoescape=True)
                connection.execute(delete(COUNTS).where(COUNTS.c.period >= first, is_of))
            batches.add_counts(connection, counts)
        connection.execute(insert(BREAKS), rows)
        known = batches.state(connection, VERSIONS) or {}
        batches.put(connection, STATE, {"name": VERSIONS, "value": {**known, **versions}})


def _counted_again(
    store: WatchStore,
    settings: WatchSettings,
    versions: Mapping[str, str],
    changed: Mapping[str, str],
    since: datetime,
) -> Counts:
    counts = Counts([names for names in settings.by if changed.keys() & set(names)], versions)
    for batch in store.messages(since=since):
        for one in batch:
            period = period_of(one.at.timestamp(), settings.period)
            answers = stored_answers(one, versions)
            counts.add(period, one.by, answers, is_late=one.is_late, is_copy=one.copy_of is not None)
    counts.leave_out(ALL_SERIES)  # No model leads to it.
    return counts


def stored_answers(message: WatchedMessage, versions: Mapping[str, str]) -> AnswersOfOne:
    """Give the answers of some versions as they were when they were stored; what is not there is `Unanswered`."""
    return {name: _stored(message, name, version) for name, version in versions.items()}


def _stored(message: WatchedMessage, name: str, version: str) -> Answered | Unanswered:
    for row in message.answers.get(name, ()):
        if row["version"] == version:
            label, values = row["label"], row["counted_by"]
            by = (label,) if values is None else tuple(values)
            return Answered(by, label, row["confidence"], row["out_of_scope"], row["answer"])
    return Unanswered(f"{name} of version {version} has not answered it.")
