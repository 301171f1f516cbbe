"""Weak labels: votes of several rules, each right more often than not, combined into probabilities."""

from metier.data.weak_labels.label_model import LabelModel, SoftRows, expand_soft_labels, majority_vote
from metier.data.weak_labels.marked_rules import (
    NO_SPAN,
    RelationRule,
    SpanRule,
    SpanVotes,
    apply_span_rules,
    sort_of_rules,
)
from metier.data.weak_labels.rules import LabellingFunction, Rule, apply_rules, read_rules
from metier.data.weak_labels.votes import ABSTAINS, RuleFacts, Votes, describe_votes

__all__ = [
    "ABSTAINS",
    "NO_SPAN",
    "LabelModel",
    "LabellingFunction",
    "RelationRule",
    "Rule",
    "RuleFacts",
    "SoftRows",
    "SpanRule",
    "SpanVotes",
    "Votes",
    "apply_rules",
    "apply_span_rules",
    "describe_votes",
    "expand_soft_labels",
    "majority_vote",
    "read_rules",
    "sort_of_rules",
]
