"""The commands by name. A command's module is imported when the command runs, never to list it.

So `metier --help` answers at once, and `metier predict` does not wait for what `metier train` needs. The price
is that the one-line help stands here and not beside the command; a test compares the two.
"""

import pkgutil
from gettext import gettext

import click

from metier.cli.help_text import HelpContext, with_help
from metier.cli.speech import CHOSEN, asked
from metier.errors import suggest

COMMANDS = {
    "new": ("metier.cli.new:new", "Propose a task from one sentence."),
    "check": ("metier.cli.check:check", "Check labelled rows for errors, leaks, duplicates and wrong labels."),
    "import": ("metier.cli.import_:import_file", "Convert the export of an annotation tool into rows."),
    "annotate": (
        "metier.cli.annotate:annotate_images",
        "Label images where a model is sure, and queue the others for readers.",
    ),
    "reviewed": (
        "metier.cli.reviewed:reviewed",
        "Make training rows of the labels that readers gave to a queue.",
    ),
    "deidentify": (
        "metier.cli.deidentify:deidentify",
        "De-identify DICOM files: headers by the basic profile of the standard (PS3.15, Annex E).",
    ),
    "clean": ("metier.cli.clean:clean", "Clean the texts of a file, and write what was changed."),
    "queue": ("metier.cli.queue:queue", "Choose rows that are worth a label, and see where labelling stands."),
    "label": ("metier.cli.label:label", "Label rows by rules, or row by row on a page of the terminal."),
    "train": (
        "metier.cli.train:train",
        "Train and compare methods on labelled rows, and recommend which to ship.",
    ),
    "drift": ("metier.cli.drift:drift", "Say what moved in rows without labels, and how right answers are."),
    "backtest": (
        "metier.cli.backtest:backtest",
        "Watch an archive of dated messages as if it came in live.",
    ),
    "watch": ("metier.cli.watch:watch", "Watch streams of messages: store, answer, count and tell."),
    "update": ("metier.cli.update:update", "Let a bundle learn new labelled rows, and keep what it knew."),
    "evaluate": (
        "metier.cli.evaluate:evaluate",
        "Measure a trained model on labelled rows, and compare with its test rows.",
    ),
    "compare": (
        "metier.cli.compare:compare_command",
        "Compare models or files of answers on the same rows: better, equivalent, or the rows cannot tell.",
    ),
    "predict": ("metier.cli.predict:predict", "Predict for texts or for a whole file with a trained model."),
    "reply": (
        "metier.cli.reply:reply",
        "Reply to a conversation that may hold pictures, after the nearest cases that were answered.",
    ),
    "transcribe": ("metier.cli.transcribe:transcribe", "Turn recordings into text."),
    "describe": (
        "metier.cli.describe:describe",
        "Describe a video: scenes tagged, speech written down, with time codes.",
    ),
    "explain": (
        "metier.cli.explain:explain",
        "Show which words and which parts of an image an answer rests on.",
    ),
    "test": (
        "metier.cli.test:test",
        "Test how a model behaves where its questions are written otherwise, and on what you expect of it.",
    ),
    "plant": (
        "metier.cli.plant:plant",
        "Plant secrets in rows of texts to be written, to test later what a writer has memorised.",
    ),
    "compress": (
        "metier.cli.compress:compress",
        "Make a bundle smaller or faster, and prove that it stayed as good.",
    ),
    "gate": (
        "metier.cli.gate:gate",
        "Judge by a policy whether a bundle may go live: pass, fail or cannot tell.",
    ),
    "init-policy": (
        "metier.cli.init_policy:init_policy",
        "Write a release policy for a run, to be edited.",
    ),
    "dossier": (
        "metier.cli.dossier:dossier",
        "Write a dossier of a trained model: one page, and the same facts as JSON.",
    ),
    "registry": (
        "metier.cli.registry:registry",
        "Keep versions of bundles, promote one, and go back to the one before.",
    ),
    "runs": ("metier.cli.runs:runs", "List, show, compare and remove runs."),
    "report": (
        "metier.cli.report:report",
        "Write the report of a finished run again, in English or Chinese.",
    ),
    "methods": (
        "metier.cli.methods:methods",
        "List the methods: what each does, costs and needs.",
    ),
    "feedback": (
        "metier.cli.feedback:feedback",
        "Put corrections of a service into a queue.",
    ),
    "serve": ("metier.cli.serve:serve", "Serve a trained model over HTTP."),
    "pack": (
        "metier.cli.pack:pack",
        "Write what deploys a bundle: image, Kubernetes, systemd.",
    ),
    "keys": ("metier.cli.keys:keys", "Make, list, replace and revoke the keys of a service."),
    "audit": ("metier.cli.audit:audit", "Verify the audit log of a service."),
    "predictions": (
        "metier.cli.predictions:predictions",
        "Export what a service answered as JSON lines.",
    ),
    "erase": ("metier.cli.erase:erase", "Erase a person from the logs of a service or a watch."),
    "sign": ("metier.cli.sign:sign", "Sign bundles, and verify who signed them."),
    "doctor": (
        "metier.cli.doctor:doctor",
        "Report what this machine offers, and what is missing.",
    ),
}


# Of every command, however it is called.
HELP = {"help_option_names": ["-h", "--help"]}


class CommandTable(click.Group):
    """A group whose commands are found in `COMMANDS`."""

    context_class = HelpContext

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the language first: what comes before `--lang` on the line, help or an error, is in it as well."""
        ctx.meta[CHOSEN] = asked(args)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as wrong:
            if wrong.possibilities:
                raise
            name = wrong.option_name
            raise click.UsageError(
                f"There is no option {name} before the command. Options follow it: metier COMMAND … {name}", ctx
            ) from wrong

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order in which a newcomer needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = pkgutil.resolve_name(COMMANDS[cmd_name][0])
        return with_help(command)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that was called, or name the nearest."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            known = ", ".join(COMMANDS)
            raise click.UsageError(
                f"There is no command {name!r}.{suggest(name, COMMANDS)} Known: {known}.", ctx
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from the table."""
        with formatter.section(gettext("Commands")):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])
