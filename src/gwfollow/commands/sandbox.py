"""``gwfollow sandbox``: what stands in for the far side, run by hand."""

from __future__ import annotations

import shlex
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from types import FrameType

import click


@click.group()
def sandbox() -> None:
    """Run the services that a demonstration needs on this machine."""


@sandbox.command()
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path),
    default=Path("~/gwfollow/pool"),
    show_default=True,
    help="Folder of the pool.",
)
@click.option(
    "--prefix", type=click.Path(path_type=Path), help="Folder of HTCondor itself; by default what is on PATH, else a cache."
)
@click.option("--mirror", help="Address of a Debian mirror to install from; by default the one that apt uses.")
@click.option("--cpus", type=click.IntRange(1), default=16, show_default=True, help="Slots that the pool says it has.")
@click.option("--install-only", is_flag=True, help="Install HTCondor and stop there.")
def condor(folder: Path, prefix: Path | None, mirror: str | None, cpus: int, install_only: bool) -> None:
    """Run a personal HTCondor until interrupted; prints the environment that uses it."""
    from gwfollow.sandbox.htcondor import PersonalPool
    from gwfollow.sandbox.htcondor_install import find_or_install

    release = find_or_install(prefix, mirror).release
    click.echo(f"HTCondor is in {release}", err=True)
    if install_only:
        return
    with PersonalPool(folder, prefix, cpus=cpus) as pool:
        _run(pool.env(), f"The pool in {pool.folder} runs; interrupt to stop it.")


@sandbox.command()
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("~/gwfollow/gracedb"),
    show_default=True,
    help="Folder of its data and credentials.",
)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port; by default a free one, the same again later.")
@click.option("--kafka", metavar="HOST:PORT", default="", help="Publish igwn-alert messages there when something changes.")
@click.option("--group", default="gracedb", show_default=True, help="What the topics of those messages begin with.")
def gracedb(folder: Path, port: int, kafka: str, group: str) -> None:
    """Run a small local GraceDB until interrupted; prints the environment that uses it: its URL, its CA file, a login."""
    from gwfollow.sandbox.gracedb import LocalGraceDB

    with LocalGraceDB(folder.expanduser(), port, kafka=kafka, group=group) as service:
        told = f", alerts go to {kafka} ({group}.superevent, ...)" if kafka else ""
        _run(service.env(), f"The local GraceDB in {service.folder} runs{told}; interrupt to stop it.")


@sandbox.command()
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("~/gwfollow/kafka"),
    show_default=True,
    help="Folder of its log and address.",
)
def kafka(folder: Path) -> None:
    """Run a small local Kafka until interrupted; prints the environment that listens to it."""
    from gwfollow.sandbox.kafka import LocalKafka

    with LocalKafka(folder.expanduser()) as service:
        _run(service.env(), f"The local Kafka at {service.address} runs; interrupt to stop it.")


def _run(environment: Mapping[str, str], told: str) -> None:
    """Print the variables for a shell, and what runs for a person; then wait until SIGINT or SIGTERM."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):  # a shell starts what it puts in the background with SIGINT ignored
        signal.signal(number, stop)
    try:  # who reads what is told may interrupt at once: the services are to be stopped then too
        for name, value in environment.items():
            click.echo(f"export {name}={shlex.quote(value)}")
        click.echo(told, err=True)
        while True:  # a signal that comes just before a pause would not end it
            time.sleep(1)
    except KeyboardInterrupt:
        pass


__all__ = ["sandbox"]
