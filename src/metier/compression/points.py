"""A point of the frontier: a chain of techniques applied, judged and timed, and kept, so that nothing is done twice."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from metier.compression.inside import apply_inside
from metier.compression.judgement import Judgement, judge
from metier.compression.materials import Materials
from metier.compression.stopwatch import Timing, time_both
from metier.compression.techniques import Chain, technique_of, written
from metier.errors import BaseModelError, CompressionError
from metier.predictors.loading import load_predictor
from metier.progress import Progress
from metier.runs.run_folder import plain
from metier.runs.stored_answers import StoredAnswers, keep
from metier.selection.scores import Scores
from metier.storage import write_text, write_whole

CHOSEN, ACCEPTED, REFUSED = "chosen", "accepted", "refused"
UNSERVED = ("huggingface", "README.md", "manifest.json")
NOTICEABLE = 0.99  # Of the size before: a file that is no smaller than this is as large as before.


@dataclass(frozen=True)
class Point:
    """A smaller model and what was measured of it.

    Parameters
    ----------
    chain : tuple of str
        Empty: the bundle as it is.
    size_bytes : int
        Of the files that are read for answering.
    judgement : Judgement or None
    timing : Timing or None
        Beside the bundle as it is.
    facts : dict
        What each technique says of what it did.
    refused : str
        Why it may not ship; empty where it may.
    """

    chain: Chain
    size_bytes: int = 0
    judgement: Judgement | None = None
    timing: Timing | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    refused: str = ""

    @property
    def name(self) -> str:
        """Its chain, as it is typed."""
        return written(self.chain)

    @property
    def latency_ms(self) -> float | None:
        """Mean time of one row; None where it came to nothing."""
        return None if self.timing is None else self.timing.after_ms

    @classmethod
    def restored(cls, facts: Mapping[str, Any]) -> Self:
        """Give what was kept as facts."""
        judgement, timing = facts["judgement"], facts["timing"]
        return cls(
            tuple(facts["chain"]),
            facts["size_bytes"],
            None if judgement is None else Judgement.restored(judgement),
            None if timing is None else Timing(**timing),
            facts["facts"],
            facts["refused"],
        )


@dataclass(frozen=True)
class Workshop:
    """Where points are made.

    Parameters
    ----------
    folder : Path
        Keeps the files and figures of each; `source` in it is the bundle as it is.
    """

    folder: Path
    materials: Materials
    scores: Scores
    margin: float

    @property
    def source(self) -> Path:
        """The files of the bundle as it is."""
        return self.folder / "source"

    def place(self, chain: Chain) -> Path:
        """Give the folder of the files of a chain."""
        return self.folder / "points" / written(chain).replace(":", "-") if chain else self.source

    def known(self, chain: Chain) -> Point | None:
        """Give a point that was measured before."""
        kept = self.place(chain).with_name(f"{self.place(chain).name}.json")
        return Point.restored(json.loads(kept.read_text("utf-8"))) if kept.is_file() else None

    def make(self, chain: Chain) -> Point:
        """Give a point: its files made, its answers judged, its time taken."""
        before = self.known(chain)
        if before is not None:
            return before
        try:
            facts = self._build(chain)
        except (CompressionError, BaseModelError) as error:
            point = Point(chain, refused=str(error))
        else:
            point = self._measured(chain, facts)
        kept = self.place(chain).with_name(f"{self.place(chain).name}.json")
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_text(kept, json.dumps(plain(asdict(point)), ensure_ascii=False))
        return point

    def answers(self, chain: Chain) -> StoredAnswers:
        """Let the model of a chain answer the validation rows."""
        predictor = load_predictor(self.place(chain), threads=self.materials.threads)
        return keep(predictor.predict(self.materials.validation.items), self.scores.task.labels)

    def refit(self, point: Point) -> Path:
        """Make the files of a point again, learning from all labelled rows, with the choices that it made before."""
        made = self.source
        for length in range(1, len(point.chain) + 1):
            name = point.chain[length - 1]
            folder = self.folder / "refit" / self.place(point.chain[:length]).name
            if not folder.is_dir():
                self.materials.listener(Progress(written(point.chain[:length]), 0, None, unit=""))
                with write_whole(folder) as partial:
                    materials = replace(self.materials, settled=point.facts[name])
                    apply_inside(technique_of(name), made, partial, materials)
            made = folder
        return made

    def _build(self, chain: Chain) -> dict[str, Any]:
        """Make the files of a chain out of those of the chain that is shorter by one, which are kept as well."""
        facts = self._build(chain[:-1]) if len(chain) > 1 else {}
        folder = self.place(chain)
        notes = folder.with_name(f"{folder.name}.facts.json")
        if not folder.is_dir():
            self.materials.listener(Progress(written(chain), 0, None, unit=""))
            with write_whole(folder) as partial:
                made = apply_inside(technique_of(chain[-1]), self.place(chain[:-1]), partial, self.materials)
                write_text(notes, json.dumps(plain(made), ensure_ascii=False))
        return {**facts, chain[-1]: json.loads(notes.read_text("utf-8"))}

    def _measured(self, chain: Chain, facts: dict[str, Any]) -> Point:
        items = self.materials.validation.items
        found = judge(self.scores, self.answers(()), self.answers(chain), items, margin=self.margin)
        timing = time_both(self.source, self.place(chain), items)
        size, before = served_bytes(self.place(chain)), served_bytes(self.source)
        why = _why_not(found, timing, size, before)
        return Point(chain, size, found, timing, facts, why)


def served_bytes(folder: Path) -> int:
    """Give the bytes of the files that are read for answering."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return sum(path.stat().st_size for path in files if not set(path.relative_to(folder).parts) & set(UNSERVED))


def _why_not(found: Judgement, timing: Timing, size: int, before: int) -> str:
    """Say why a point may not ship; nothing where it may."""
    if not found.passes:
        return (
            f"{found.rows:,} rows do not rule out that it loses {100 * found.margin:g} points or more: the difference is "
            f"{100 * found.difference:+.1f} points [{100 * found.low:+.1f}, {100 * found.high:+.1f}]"
        )
    if not timing.is_faster and size > NOTICEABLE * before:
        return (
            f"it is neither faster ({timing.after_ms:.3g} against {timing.before_ms:.3g} ms) nor smaller "
            f"({size / 1e6:.1f} against {before / 1e6:.1f} MB)"
        )
    return ""
