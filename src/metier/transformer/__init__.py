"""Pretrained encoders and the methods that stand on them.

Only the bases are re-exported: they are light, and `metier doctor` lists them where torch is not installed. A method is
asked for by its name in the catalogue or imported from its own module (`metier.transformer.encoder`).
"""

from metier.transformer.base import Base
from metier.transformer.bases import available_bases, load_model, load_tokenizer, resolve_base

__all__ = ["Base", "available_bases", "load_model", "load_tokenizer", "resolve_base"]
