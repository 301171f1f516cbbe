"""Rows: reading, roles, splitting, writing."""

from metier.data.filtering import drop_rare_labels, drop_unlabelled
from metier.data.reading import iterate, read, read_alike
from metier.data.rows import Roles, Rows, Texts
from metier.data.splitting import Splits, split_rows
from metier.data.writing import open_writer
from metier.text.duplicates import Clusters, exact_duplicates, near_duplicates

__all__ = [
    "Clusters",
    "Roles",
    "Rows",
    "Splits",
    "Texts",
    "drop_rare_labels",
    "drop_unlabelled",
    "exact_duplicates",
    "iterate",
    "near_duplicates",
    "open_writer",
    "read",
    "read_alike",
    "split_rows",
]
