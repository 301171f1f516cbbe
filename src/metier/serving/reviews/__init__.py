"""Answers that a person looks at before they count: which ones, where they wait, and what was decided.

The store is imported on first use: a service without reviews does without it.
"""

from typing import TYPE_CHECKING

from metier import late_names
from metier.serving.reviews.review_policy import ReviewPolicy, read_review_policy

if TYPE_CHECKING:
    from metier.serving.reviews.review_store import Review, ReviewStore

__all__ = ["Review", "ReviewPolicy", "ReviewStore", "read_review_policy"]

__getattr__ = late_names.found_late(__name__, {"Review": "review_store", "ReviewStore": "review_store"})
