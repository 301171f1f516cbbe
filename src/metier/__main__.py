"""`python -m metier`: the command line, where the `metier` script is not on the path."""

from metier.cli import main

main()
