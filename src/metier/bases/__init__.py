"""Pretrained models as they came: where they are found, how they are fed, how their weights change.

Light: `metier doctor` lists the bases where torch is not installed.
"""

from metier.bases.base import Base
from metier.bases.base_table import available_bases
from metier.bases.known_bases import load_model, load_tokenizer, resolve_base

__all__ = ["Base", "available_bases", "load_model", "load_tokenizer", "resolve_base"]
