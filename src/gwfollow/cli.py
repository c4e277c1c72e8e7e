"""The command ``gwfollow``.

It is lazy: the table below is all that ``gwfollow --help`` needs, and a command imports only what it uses.  Exit codes: 0 done, 2 wrong
input (nothing was changed), 75 try again later, 1 anything else that gwfollow itself says.
"""

from __future__ import annotations

import sys
from importlib import import_module

import click

from gwfollow.errors import GWFollowError, InputError, TransientError

EXIT_INPUT = 2
EXIT_TRY_AGAIN = 75  # EX_TEMPFAIL of sysexits.h

#: command -> (module:attribute, help)
COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("gwfollow.commands.init:init", "Make the ledger, or bring an older one up to date."),
    "apply": ("gwfollow.commands.apply:apply", "Add events, analyses and defaults from a blueprint."),
    "status": ("gwfollow.commands.status:status", "Show how far every analysis is."),
    "show": ("gwfollow.commands.show:show", "Show all that the ledger knows of an event or an analysis."),
    "needs": ("gwfollow.commands.needs:needs", "Show what an analysis waits for, and why."),
    "preview": ("gwfollow.commands.preview:preview_command", "Show the configuration that an analysis would be built with."),
    "set": ("gwfollow.commands.set:set_status", "Change the status of analyses."),
    "resurrect": ("gwfollow.commands.set:resurrect", "Let stuck analyses go on where they were."),
    "review": ("gwfollow.commands.review:review", "Approve, reject, deprecate or prefer results; show who did."),
    "checks": ("gwfollow.commands.checks:checks", "Show, or answer, what is asked of the quality of an event's data."),
    "clean": ("gwfollow.commands.clean:clean_command", "Delete what can be made again from the folders of an analysis."),
    "journal": ("gwfollow.commands.journal:journal", "Show who changed what, when and why."),
    "export": ("gwfollow.commands.export:export", "Write the ledger as blueprints that apply reads, or as asimov has it."),
    "results": ("gwfollow.commands.results:results", "Keep, list, fetch and check results; summarise posterior files."),
    "import": ("gwfollow.commands.import_:import_", "Take over a ledger of asimov, or event descriptions of olivaw."),
    "report": ("gwfollow.commands.report:report", "Write a static site about all events, and the same as JSON."),
    "package": ("gwfollow.commands.package:package", "Pack results with all that made them as an RO-Crate."),
    "provenance": ("gwfollow.commands.provenance:provenance", "Write who made what from what, as PROV."),
    "scan": ("gwfollow.commands.scan:scan", "Scan channels around a time, ask for omega scans, check their channel sets."),
    "archive": ("gwfollow.commands.archive:archive", "Take an event whose analyses are all final from the active ones."),
    "skymap-info": ("gwfollow.commands.skymap_info:skymap_info", "Make an event's folder by hand, with the sky map it names."),
    "settings": ("gwfollow.commands.settings:settings", "Show every setting, what it does and what it is."),
    "listen": ("gwfollow.commands.listen:listen", "Listen to alerts, and do what the policy says about them."),
    "ingest": ("gwfollow.commands.ingest:ingest", "Take alerts from files."),
    "health": ("gwfollow.commands.health:health", "Show what is alive and what is not, with exit codes for Nagios."),
    "deliver": ("gwfollow.commands.deliver:deliver", "Send the messages to GraceDB and Airflow that are due."),
    "policy": ("gwfollow.commands.policy:policy", "Check the alert policy, or explain what it does with an alert."),
    "sandbox": ("gwfollow.commands.sandbox:sandbox", "Run what stands in for the far side: GraceDB, Kafka, a personal HTCondor."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]}, no_args_is_help=True)
@click.version_option(package_name="gwfollow")
def group() -> None:
    """Gravitational-wave follow-up: the ledger of events and their analyses."""


def main(arguments: list[str] | None = None) -> None:
    """Run a command and leave with its exit code; what went wrong is one line, without a traceback."""
    try:
        group.main(args=arguments, prog_name="gwfollow")
    except GWFollowError as error:
        print(f"gwfollow: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(exit_code(error))
    except BrokenPipeError:  # `gwfollow status | head`
        sys.stderr.close()
        sys.exit(1)


def exit_code(error: GWFollowError) -> int:
    if isinstance(error, InputError):
        return EXIT_INPUT
    return EXIT_TRY_AGAIN if isinstance(error, TransientError) else 1


if __name__ == "__main__":
    main()
