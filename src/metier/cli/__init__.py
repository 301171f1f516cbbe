"""The command line, one command a file: the only package that prints."""

from metier.cli.program import main

__all__ = ["main"]
