"""The candidates of a run as unfitted estimators: with the decisions of the run, overridden by the settings.

A method's constructor says what it takes; a value that it has no argument for is not handed over.
"""

from dataclasses import dataclass
from typing import Any

from metier import catalogue
from metier.bases.known_bases import names_for, suits
from metier.runs.run_folder import RunFolder
from metier.selection.base_kinds import BASE_KINDS
from metier.selection.decisions import RunDecisions
from metier.selection.settings import TrainSettings, arguments_of
from metier.tasks.method_contract import Method
from metier.tasks.task_table import known_task


@dataclass(frozen=True)
class CandidateBuilder:
    """Builds the estimators of a run.

    Parameters
    ----------
    run : RunFolder
        Where they keep their checkpoints.
    settings : TrainSettings
    decisions : RunDecisions
    unlabelled : tuple
        Items without targets, for the methods that learn from them.
    """

    run: RunFolder
    settings: TrainSettings
    decisions: RunDecisions
    unlabelled: tuple[Any, ...] = ()

    def build(self, name: str) -> Method:
        """Give a method, unfitted.

        Raises
        ------
        MissingExtraError
            If a part that it needs is not installed.
        SettingsError
            If the settings give it a value that it cannot work with.
        """
        method: Method = catalogue.resolve(name)(**self.arguments(name))
        return method

    def arguments(self, name: str) -> dict[str, Any]:
        """Give the constructor's arguments: what the run decides, and over it what the settings say."""
        accepted = catalogue.resolve(name)._get_param_names()
        task, settings, searched = self.decisions.task, self.settings, self.decisions.searched
        ours: dict[str, Any] = {
            **self._base(name),
            **({"order": task.labels} if task.is_ordered else {}),
            **({"kind": task.kind} if task.kind else {}),
            **({} if settings.adaptation is None else {"adaptation": settings.adaptation}),
            "collection": task.collection,
            "random_state": settings.random_state,
            "unlabelled": self.unlabelled or None,
            "knowledge": settings.data.knowledge,
            "checkpoint_folder": self.run.checkpoint(name),
            "metric": task.primary_metric,
            "negative_label": task.negative_label,
            "match_label": task.match_label,
            "task": task.name,
        }
        if name == catalogue.SEARCH and searched is not None:
            ours |= {
                "method": searched,
                "arguments": self._searched_arguments(searched),
                **self._base(searched),
            }
        if "method" in accepted and name in known_task(task.name).learn_from_unlabelled:
            ours |= self._taught(known_task(task.name).learn_from_unlabelled[name])
        return {key: value for key, value in ours.items() if key in accepted} | arguments_of(settings, name)

    def _taught(self, method: str) -> dict[str, Any]:
        """What is said of a method that is taught by unlabelled items: all that it would be told by itself."""
        own, defaults = self._searched_arguments(method), catalogue.resolve(method)().get_params(deep=False)
        epochs = own.pop("epochs", defaults.get("epochs"))
        answer = self.decisions.task.answer.name
        return {"method": method, "arguments": own, "epochs": epochs, "answer": answer, **self._base(method)}

    def _searched_arguments(self, searched: str) -> dict[str, Any]:
        own = self.arguments(searched)
        return {key: value for key, value in own.items() if key not in ("base", "checkpoint_folder")}

    def _base(self, name: str) -> dict[str, str]:
        """The base for a method: found once for encoders, and as it was named for generative methods."""
        stated = catalogue.capabilities(name)
        if stated.needs_base and stated.base_does == "reads":
            return {"base": self.decisions.base}
        does = stated.base_does
        if does in self.decisions.bases:
            return {"base": self.decisions.bases[does]}
        named, use = self.settings.base_that(does), {"sees": "image", "hears": "speech"}.get(does)
        if use is not None and named == "auto":
            return {"base": names_for(use)[0]}
        is_for_it = BASE_KINDS.get(does) in self.settings.bases or suits(named, does)
        return {"base": named} if is_for_it else {}
