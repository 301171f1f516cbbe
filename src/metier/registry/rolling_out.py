"""Roll-outs that run: begun, added to by the services that answer, decided by the evidence, and kept through a kill.

All of it stands in the registry's database. A service adds what it observed in one transaction, and whoever brings the
number that decides moves the alias in the same one: there is no moment at which the one is done and the other is not.

A version is chosen by a hash of who asks, so that a caller always meets the same one. Then a caller is drawn once, however
often it asks, and of a canary only its first request counts for each criterion. A shadow answers every request beside the
version that answers, so all of them count.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from metier.errors import RegistryError
from metier.registry.registry import CHALLENGER, CHAMPION, Registry, note, point
from metier.registry.roll_out import Criterion, Decision, RollOut, Verdict
from metier.registry.running import Observed, Running, Status
from metier.registry.tables import ALIASES, ROLL_OUT_KEYS, ROLL_OUTS

SELF = "roll-out"  # Who promotes, in the history.
VERDICTS = {Verdict.PROMOTE: Status.PROMOTED, Verdict.ROLL_BACK: Status.ROLLED_BACK}


class RollOuts:
    """The roll-outs of a registry.

    Parameters
    ----------
    registry : Registry
    """

    def __init__(self, registry: Registry):
        self._registry = registry
        self._database = registry.database

    def begin(
        self,
        name: str,
        number: int,
        criteria: Sequence[Criterion],
        *,
        share: float,
        is_shadow: bool = False,
        force: bool = False,
        who: str = "",
        why: str = "",
    ) -> Running:
        """Let a version answer a share of the callers, or all of them beside the champion, until the evidence decides.

        Raises
        ------
        RegistryError
            If one runs already, the version has not passed its release gate (unless it is forced), or it answers already.
        UnknownNameError
            If there is no such version, or no champion.
        """
        champion, challenger = self._registry.version(name), self._registry.version(name, number)
        if not challenger.may_go_live and not force:
            raise RegistryError(
                f"Version {number} of {name!r} has not passed a release gate, and a roll-out may promote it. Run metier "
                f"gate {challenger.folder} --policy FILE, or begin it with --force, which is kept in the history."
            )
        if champion.number == number:
            raise RegistryError(f"Version {number} of {name!r} answers already. Roll out another version.")
        with self._database.writing() as connection:
            _check_none_runs(connection, name)
            values = {
                "name": name, "champion": champion.number, "challenger": number, "share": share, "is_shadow": is_shadow,
                "status": Status.RUNNING.value, "evidence": RollOut(criteria).to_json(), "began": datetime.now(UTC),
                "who": who, "why": why, "is_forced": not challenger.may_go_live,
            }  # fmt: skip
            connection.execute(insert(ROLL_OUTS).values(**values))
            point(connection, name, CHALLENGER, number)
            note(
                connection, "begin roll-out", name, number, before=champion.number, who=who, why=why,
                gate=challenger.gate, is_forced=not challenger.may_go_live,
            )  # fmt: skip
        return self.last(name)

    def last(self, name: str) -> Running:
        """Give the roll-out of a model that runs, or ran last.

        Raises
        ------
        UnknownNameError
            If there is no such model.
        RegistryError
            If there was none.
        """
        self._registry.check_known(name)
        with self._database.reading() as connection:
            row = _last(connection, name)
        if row is None:
            raise RegistryError(
                f"There was no roll-out of {name!r}. Begin one with metier registry rollout {name} VERSION --share 0.1."
            )
        return _running(row)

    def running(self) -> dict[str, Running]:
        """Give the roll-outs that run, by the names of their models."""
        with self._database.reading() as connection:
            rows = connection.execute(select(ROLL_OUTS).where(ROLL_OUTS.c.status == Status.RUNNING.value)).all()
        return {row.name: _running(row) for row in rows}

    def add(self, of: Running, observed: Observed) -> Running:
        """Take into account what was observed, and act where that decides; nothing changes where it has ended."""
        with self._database.writing() as connection:
            row = connection.execute(select(ROLL_OUTS).where(ROLL_OUTS.c.id == of.id)).one()
            if row.status == Status.RUNNING.value:
                self._take_in(connection, row, observed)
            return _running(connection.execute(select(ROLL_OUTS).where(ROLL_OUTS.c.id == of.id)).one())

    def stop(self, name: str, *, who: str = "", why: str = "") -> Running:
        """End the roll-out of a model that runs; the champion goes on answering.

        Raises
        ------
        RegistryError
            If none runs.
        """
        self._registry.check_known(name)
        with self._database.writing() as connection:
            row = _last(connection, name)
            if row is None or row.status != Status.RUNNING.value:
                raise RegistryError(
                    f"No roll-out of {name!r} runs, so none can be stopped. See metier registry history {name}."
                )
            _end(connection, row, Status.STOPPED, who=who, why=why)
        return self.last(name)

    def _take_in(self, connection: Connection, row: Row[Any], observed: Observed) -> None:
        evidence = RollOut.from_json(row.evidence)
        for criterion, numbers in observed.numbers.items():
            evidence.observe(criterion, _first_ones(connection, row.id, criterion, numbers))
        connection.execute(
            update(ROLL_OUTS)
            .where(ROLL_OUTS.c.id == row.id)
            .values(
                evidence=evidence.to_json(),
                n_requests=row.n_requests + observed.n_requests,
                n_challenger=row.n_challenger + observed.n_challenger,
            )
        )
        status = VERDICTS.get(evidence.decision.verdict)
        if _champion(connection, row.name) != row.champion:
            _end(connection, row, Status.STOPPED, who=SELF, why="Another version was promoted meanwhile.")
        elif status is not None:
            _end(connection, row, status, who=SELF, why=evidence_line(evidence.decision))


def evidence_line(decision: Decision) -> str:
    """Give the evidence in one line, for the history."""
    return "; ".join(
        f"{one.name} {one.mean:+.4f} of {one.n:,} (bound {one.bound:g}, e-values {one.below:.3g} below and {one.above:.3g} "
        "above)"
        for one in decision.standings
    )


def _end(connection: Connection, row: Row[Any], status: Status, *, who: str, why: str) -> None:
    """End a roll-out; promoted, the alias moves in the same transaction."""
    connection.execute(
        update(ROLL_OUTS).where(ROLL_OUTS.c.id == row.id).values(status=status.value, ended=datetime.now(UTC))
    )
    connection.execute(delete(ROLL_OUT_KEYS).where(ROLL_OUT_KEYS.c.roll_out == row.id))
    connection.execute(delete(ALIASES).where(ALIASES.c.name == row.name, ALIASES.c.alias == CHALLENGER))
    facts = {"who": who, "why": why, "before": row.champion, "is_forced": row.is_forced}
    if status is Status.PROMOTED:
        point(connection, row.name, CHAMPION, row.challenger)
        note(connection, "promote", row.name, row.challenger, alias=CHAMPION, **facts)
    else:
        note(connection, "end roll-out", row.name, row.challenger, **facts)


def _first_ones(
    connection: Connection, roll_out: int, criterion: str, numbers: Sequence[tuple[str | None, float]]
) -> list[float]:
    """Give the numbers of those who are not counted yet, and remember that they are now."""
    keys = {key for key, _ in numbers if key is not None}
    at = (ROLL_OUT_KEYS.c.roll_out == roll_out, ROLL_OUT_KEYS.c.criterion == criterion)
    seen = set(
        connection.execute(select(ROLL_OUT_KEYS.c.key).where(*at, ROLL_OUT_KEYS.c.key.in_(keys))).scalars()
    )
    new = [{"roll_out": roll_out, "criterion": criterion, "key": key} for key in sorted(keys - seen)]
    if new:
        connection.execute(insert(ROLL_OUT_KEYS), new)
    counted = [number for key, number in numbers if key is None]
    for key, number in numbers:
        if key is not None and key not in seen:
            counted.append(number)
            seen.add(key)
    return counted


def _check_none_runs(connection: Connection, name: str) -> None:
    row = _last(connection, name)
    if row is not None and row.status == Status.RUNNING.value:
        raise RegistryError(
            f"Version {row.challenger} of {name!r} is being rolled out already. Wait until that is decided, or end it with "
            f"metier registry rollout {name} --stop."
        )


def _last(connection: Connection, name: str) -> Row[Any] | None:
    of = select(ROLL_OUTS).where(ROLL_OUTS.c.name == name).order_by(ROLL_OUTS.c.id.desc()).limit(1)
    return connection.execute(of).first()


def _champion(connection: Connection, name: str) -> int | None:
    of = select(ALIASES.c.version).where(ALIASES.c.name == name, ALIASES.c.alias == CHAMPION)
    return connection.execute(of).scalar()


def _running(row: Row[Any]) -> Running:
    evidence = RollOut.from_json(row.evidence)
    facts = {name: value for name, value in row._mapping.items() if name != "evidence"}
    facts["status"] = Status(row.status)
    return Running(decision=evidence.decision, more_needed=evidence.more_needed, **facts)
