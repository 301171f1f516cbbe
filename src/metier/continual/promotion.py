"""An updated bundle takes over from the one that answers, if the gate lets it; and it is taken back if it turns out worse.

The gate asks whether anything is forgotten, and what the policy asks besides. It is judged against the version that the
alias points to, and only while it still does.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from metier.assurance.forgetting.judging import ForgettingSettings
from metier.assurance.gating import Gated, gate
from metier.assurance.policy import Policy, forgetting_policy, read_policy
from metier.bundles import Model, load_bundle
from metier.continual.update import Edits, UpdateResult
from metier.errors import CallError, RegistryError, UnknownNameError, quoted
from metier.progress import Listener, ignore
from metier.registry.names import check_name
from metier.registry.registry import CHAMPION, Registry, Version
from metier.tasks.answers import LABEL

GATED = "promoted by the forgetting gate"
PREFERRED = "promoted as its gain on held-out preferences is shown"


@dataclass(frozen=True)
class Target:
    """What a promotion moves: an alias of a model.

    Parameters
    ----------
    name, alias : str
    """

    name: str
    alias: str = CHAMPION

    @classmethod
    def parse(cls, text: str) -> "Target":
        """Read `support@champion`, or `support` alone.

        Raises
        ------
        CallError
            If it names no model.
        """
        name, sign, alias = text.partition("@")
        if not name or (sign and not alias):
            raise CallError(
                f"{quoted(text)} names no model of a registry. Write it as NAME or NAME@ALIAS, such as support@{CHAMPION}."
            )
        check_name(name, "name of a model")
        check_name(alias or CHAMPION, "alias")
        return cls(name, alias or CHAMPION)


@dataclass(frozen=True)
class Promotion:
    """What became of a promotion.

    Parameters
    ----------
    target : Target
    gated : Gated
        What the gate said.
    before, after : Version or None
        What the alias pointed to, and what it points to now; None: nothing.
    """

    target: Target
    gated: Gated
    before: Version | None
    after: Version | None

    @property
    def is_promoted(self) -> bool:
        """Whether the alias was moved."""
        return self.gated.result.may_go_live

    def as_dict(self) -> dict[str, Any]:
        """Give it as plain values, for JSON."""
        return {
            "name": self.target.name,
            "alias": self.target.alias,
            "is_promoted": self.is_promoted,
            "before": None if self.before is None else self.before.number,
            "version": None if self.after is None else self.after.number,
        }


def promote(
    bundle: Model | str | Path,
    registry: Registry,
    target: Target,
    *,
    policy: str | Path | Policy | None = None,
    rows: Any = None,
    against: str | Path | None = None,
    who: str = "",
    why: str = "",
    threads: int = 1,
    random_state: int = 0,
    listener: Listener = ignore,
    **how: Any,
) -> Promotion:
    """Ask the gate, and let an alias point to a bundle if it may go live; otherwise nothing is moved.

    Parameters
    ----------
    bundle : Model or path
        The updated bundle; what the gate says is sealed into it.
    policy : path or Policy, optional
        Asked besides the forgetting gate; None: that alone.
    rows : path or rows, optional
        Labelled rows that no version was trained on; None: those of the policy.
    against : path, optional
        What answers today, where the alias points to nothing yet.
    **how
        As in `metier.read`.

    Raises
    ------
    CallError
        If nothing answers today, or the policy asks for what is not there.
    RegistryError
        If another version was promoted meanwhile.
    """
    before = current(registry, target)
    live = before.folder if before is not None else against
    if live is None:
        raise CallError(
            f"{target.alias!r} of {target.name!r} points to nothing, so there is nothing that could be forgotten. Name the "
            "bundle that answers today with --against, or add it with metier registry add."
        )
    gated = gate(
        bundle,
        _with_forgetting(policy),
        rows=rows,
        live=live,
        threads=threads,
        random_state=random_state,
        listener=listener,
        **how,
    )
    if not gated.result.may_go_live:
        return Promotion(target, gated, before, before)
    if gated.bundle.folder is None:
        raise CallError(f"{gated.bundle.name} is in no folder, so the registry cannot keep it. Save it first.")
    added = registry.add(gated.bundle.folder, target.name, who=who, why=why)
    now = current(registry, target)
    if (now and now.number) != (before and before.number):
        raise RegistryError(
            f"{target.alias!r} of {target.name!r} was moved while version {added.number} was judged against another. Ask "
            "again: it is judged against what answers now."
        )
    after = registry.promote(target.name, added.number, alias=target.alias, who=who, why=why or GATED)
    return Promotion(target, gated, before, after)


def promote_update(
    found: UpdateResult, registry: Registry, target: Target, *, edits: Edits, listener: Listener = ignore
) -> Promotion:
    """Ask the forgetting gate, by its defaults, about a bundle that was just updated, and promote it if it may go live.

    It is asked by the old test rows of the update, which neither bundle has learned.

    Raises
    ------
    CallError
        If the bundle answers otherwise than with one label.
    """
    bundle = load_bundle(found.folder or found.source)
    if bundle.answer_kind.name != LABEL.name:
        raise CallError(
            f"{bundle.folder} is updated, and not promoted, as --promote of an update is for one label a text. Ask the "
            "gate with: metier gate BUNDLE --rows FILE --promote NAME@ALIAS"
        )
    columns = [bundle.roles.get(role, role) for role in ("text", "label")]
    rows = pa.table([pa.array(found.old.texts), pa.array(found.old.targets)], names=columns)
    renamed = dict(edits.renames) | {part: name for parts, name in edits.merges for part in parts}
    policy = forgetting_policy(ForgettingSettings(renamed=renamed))
    return promote(bundle.folder, registry, target, policy=policy, rows=rows, listener=listener)


def promote_judged(
    folder: Path, registry: Registry, target: Target, may_go_live: bool, *, who: str = "", why: str = ""
) -> dict[str, Any]:
    """Let an alias point to a bundle that was judged while it was made, if it may go live; gives what was moved."""
    before = after = current(registry, target)
    if may_go_live:
        added = registry.add(folder, target.name, who=who, why=why)
        after = registry.promote(target.name, added.number, alias=target.alias, who=who, why=why or PREFERRED)
    return {
        "name": target.name,
        "alias": target.alias,
        "is_promoted": may_go_live,
        "before": None if before is None else before.number,
        "version": None if after is None else after.number,
    }


def current(registry: Registry, target: Target) -> Version | None:
    """Give the version that an alias points to; None: there is none."""
    try:
        return registry.version(target.name, target.alias)
    except UnknownNameError:
        return None


def _with_forgetting(policy: str | Path | Policy | None) -> Policy:
    if policy is None:
        return forgetting_policy()
    found = policy if isinstance(policy, Policy) else read_policy(policy)
    return found if found.forgetting is not None else replace(found, forgetting=ForgettingSettings())


def promotion_facts(promotion: Promotion) -> dict[str, Any]:
    """Give what the gate said with what was moved."""
    return {**promotion.gated.facts, "promotion": promotion.as_dict()}
