"""The command line, one command a file: the only room that prints."""

from metier.cli.program import main

__all__ = ["main"]
