"""Whether a question is one that any label fits: scores of how little it is, and the rule that a bundle carries."""

from metier.predictors.scope.scope_rule import ScopeAnswers, ScopeRule, load_scope

__all__ = ["ScopeAnswers", "ScopeRule", "load_scope"]
