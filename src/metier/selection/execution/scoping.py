"""The rules of what is out of scope that a run's bundles carry: chosen before a refit, fitted again after it.

A rule is chosen on validation rows, which a refit learns from: so the score and the cut are chosen before, and
after it only what the score learned (means, kept rows) is renewed. A resumed run finds what was chosen in the run's folder.
"""

from dataclasses import asdict, dataclass, field
from typing import Any

from metier.data.rows import Rows
from metier.errors import DataError
from metier.evaluation.scope_measures import SCOPE_MEASURES, measure_scope, share_interval
from metier.figures import percentage
from metier.predictors.loading import SCOPE_FILE, load_predictor
from metier.predictors.scope import ScopeRule, load_scope
from metier.progress import Progress
from metier.runs.run_folder import Entry
from metier.selection.comparison import Comparison
from metier.selection.execution.scope_fitting import MOST_TRAINING_ROWS, fit_scope, fit_scope_again
from metier.selection.rows.outside import Outside, asks_for_scope, items_of

CHOSEN_FILE = "scope.json"  # Of a run that is not finished: the rule of each candidate, by its name.


@dataclass
class Scoping:
    """Gives the candidates of a run their rules.

    Parameters
    ----------
    comparison : Comparison
    outside : Outside
    notes : list of str
        What could not be done, a sentence each.
    """

    comparison: Comparison
    outside: Outside
    notes: list[str] = field(default_factory=list)

    def choose(self, recommended: str) -> None:
        """Fit the rule of each candidate on training and validation rows, the recommended one's models first."""
        comparison = self.comparison
        if not asks_for_scope(comparison.settings):
            return
        kept = self._kept
        first = comparison.models_of(recommended) | {recommended}
        for entry in sorted(comparison.trained, key=lambda one: one.name not in first):
            if entry.name in kept or entry.trained_on != "train" or not self._has_time(entry):
                continue
            comparison.listener(
                Progress(f"{entry.name}: fitting the rule of what is out of scope", 0, None, unit="")
            )
            try:
                rule = self._fit(entry)
            except DataError as error:  # Too few validation rows: of every candidate.
                self.notes.append(str(error))
                return
            rule.save(comparison.run.candidate(entry.name))
            kept[entry.name] = {"kind": rule.kind, "cut": rule.cut, "facts": dict(rule.facts)}
            comparison.run.write_json(CHOSEN_FILE, kept)

    def renew(self) -> None:
        """Fit the rules of what was trained again to the new predictors; their scores and cuts stay."""
        comparison, kept = self.comparison, self._kept
        if not kept:
            return
        for entry in comparison.trained:
            folder = comparison.run.candidate(entry.name)
            if entry.name not in kept or (entry.trained_on == "train" and (folder / SCOPE_FILE).exists()):
                continue
            chosen = ScopeRule(arrays={}, **kept[entry.name])
            predictor = load_predictor(folder, threads=comparison.settings.threads)
            parts = (comparison.train, comparison.validation)
            items, labels = (
                [one for part in parts for one in read(part)]
                for read in (comparison.task.items, comparison.task.targets)
            )
            fit_scope_again(predictor, chosen, (items, labels)).save(folder)

    def facts(self, test: Rows, *, recommended: str) -> dict[str, Any] | None:
        """Give the rule of each candidate, and how that of the recommended one does on the test rows; None without rules.

        Returns
        -------
        dict or None
            By candidate: `kind`, `cut`, `kept` (the share that was asked for), `criterion`, `auroc` of each score that was
            compared, `kept_of_test` {value, low, high}; with rows out of scope, `found_of_test` and the measures of
            `scope_measures`, each as NAME_of_test. What is of the test rows stands at the recommended candidate.
        """
        found = {
            name: {"kind": one["kind"], "cut": one["cut"], **one["facts"]}
            for name, one in self._kept.items()
            if self._has_rule(name)
        }
        if recommended in found:
            found[recommended] |= self._on_test(recommended, test)
        return found or None

    @property
    def _kept(self) -> dict[str, Any]:
        return self.comparison.run.read_json(CHOSEN_FILE) or {}

    def _has_rule(self, name: str) -> bool:
        return (self.comparison.run.candidate(name) / SCOPE_FILE).exists()

    def _has_time(self, entry: Entry) -> bool:
        comparison = self.comparison
        n_rows = min(len(comparison.train), MOST_TRAINING_ROWS) + len(comparison.validation)
        needed = comparison.answering.seconds.get(entry.name, 0.0) * (n_rows + self.outside.n_choosing)
        has_time = needed <= comparison.refit_left_seconds
        if not has_time:
            self.notes.append(f"{entry.name}: no rule of what is out of scope, no time is left to fit it")
        return has_time

    def _fit(self, entry: Entry) -> ScopeRule:
        comparison = self.comparison
        task, settings = comparison.task, comparison.settings
        train, validation = (
            (task.items(rows), [str(label) for label in task.targets(rows)])
            for rows in (comparison.train, comparison.validation)
        )
        predictor = load_predictor(comparison.run.candidate(entry.name), threads=settings.threads)
        return fit_scope(
            predictor,
            train,
            validation,
            outside=items_of(task, self.outside.choosing),
            kept=settings.in_scope_kept,
        )

    def _on_test(self, name: str, test: Rows) -> dict[str, Any]:
        comparison = self.comparison
        folder = comparison.run.candidate(name)
        predictor = load_predictor(folder, threads=comparison.settings.threads)
        rule = load_scope(folder, predictor)
        inside = rule.answer(predictor, comparison.task.items(test)).scope_scores
        facts = {"kept_of_test": asdict(share_interval(int((inside <= rule.cut).sum()), len(inside)))}
        items = items_of(comparison.task, self.outside.test)
        if items:
            others = rule.answer(predictor, items).scope_scores
            facts["found_of_test"] = asdict(share_interval(int((others > rule.cut).sum()), len(others)))
            seed = comparison.settings.random_state
            facts |= {
                f"{one}_of_test": asdict(measure_scope(one, inside, others, random_state=seed))
                for one in SCOPE_MEASURES
            }
        return facts


def scope_sentence(name: str, facts: dict[str, Any]) -> str:
    """Say what the rule of a bundle is, and how it did on the test rows."""
    kept, score = facts["kept_of_test"], facts["kind"].replace("_", " ")
    said = (
        f"{name} says what is out of scope by {score}: it keeps {percentage(kept['value'])} "
        f"[{percentage(kept['low'])}, {percentage(kept['high'])}] of the test rows"
    )
    if "found_of_test" not in facts:
        return said
    found, area = facts["found_of_test"], facts["auroc_of_test"]
    return (
        f"{said}, and finds {percentage(found['value'])} [{percentage(found['low'])}, {percentage(found['high'])}] of "
        f"those out of scope (AUROC {area['value']:.3f})"
    )
