"""`metier watch`: its group, and the commands in it, one line each."""

from metier.cli.watch_alarms import alarms
from metier.cli.watch_brief import brief
from metier.cli.watch_export import export
from metier.cli.watch_init import init
from metier.cli.watch_options import watch
from metier.cli.watch_run import run
from metier.cli.watch_status import status

__all__ = ["alarms", "brief", "export", "init", "run", "status", "watch"]
