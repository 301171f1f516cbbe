"""Harmful words in texts, in English and Chinese."""

from metier.text.harmful.blocklist import Blocklist, read_blocklist

__all__ = ["Blocklist", "read_blocklist"]
