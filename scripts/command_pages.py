"""Write docs/commands/*.md from the commands themselves: `python scripts/command_pages.py`.

A test compares the pages with the output of this script, so that they stay up to date.
"""

from pathlib import Path

import click

from metier.cli.commands import COMMANDS, CommandTable

DOCS = Path(__file__).resolve().parents[1] / "docs" / "commands"


def pages() -> dict[Path, str]:
    """Give each page's path and text."""
    group = CommandTable("metier")
    root = click.Context(group, info_name="metier", max_content_width=100, terminal_width=100)
    written = {}
    for name, (_, line) in COMMANDS.items():
        command = group.get_command(root, name)
        context = click.Context(
            command,
            info_name=name,
            parent=root,
            max_content_width=100,
            terminal_width=100,
            help_option_names=["-h", "--help"],
        )
        written[DOCS / f"{name}.md"] = (
            f"# metier {name}\n\n{line}\n\n```text\n{command.get_help(context)}\n```\n"
        )
    return written


def main() -> None:
    """Write the pages."""
    DOCS.mkdir(parents=True, exist_ok=True)
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
