"""``gwfollow settings``"""

from __future__ import annotations

import textwrap
from dataclasses import fields

import click

from gwfollow.settings import Settings


@click.command("settings")
def settings() -> None:
    """Show every setting (an environment variable), what it does and what it is now."""
    present = Settings.read()
    for field in fields(present):
        value = getattr(present, field.name)
        shown = value if field.name != "ledger" else without_password(value)
        mark = "" if value != field.default else "  (default)"
        click.echo(f"{field.metadata['env']} = {shown}{mark}")
        click.echo(textwrap.indent(textwrap.fill(field.metadata["doc"], 100), "    "))


def without_password(url: str) -> str:
    """A database URL with *** for a password that should not stand there, but may."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    if not url:
        return url
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return "(not a URL)"
