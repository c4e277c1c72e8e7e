"""``gwfollow listen``: a service of its own for sites that do not let Airflow's triggerer listen."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from gwfollow.alerts.supervise import Supervisor
    from gwfollow.gracedb.client import GraceDBClient
    from gwfollow.life import Site

#: seconds between two looks at whether GraceDB is to be asked, and at what other processes left in the inbox
TICK = 5.0


@click.command()
@click.option("--until-idle", type=click.FloatRange(1, 86400), metavar="SECONDS", help="End when nothing came for so long.")
@click.option("--once", is_flag=True, help="Do not listen: ask GraceDB what was missed, process what is there, and end.")
def listen(until_idle: float | None, once: bool) -> None:
    """Listen to the alerts that the settings name until interrupted.

    Every message is stored in the inbox before its offset is committed, then goes through the policy.  GraceDB is asked every few minutes
    for what no message told of.  Listeners that die or hang are started again.
    """
    from gwfollow.alerts.folders import Folders
    from gwfollow.alerts.sources import with_logins
    from gwfollow.alerts.supervise import Supervisor
    from gwfollow.commands.common import who
    from gwfollow.errors import InputError
    from gwfollow.gracedb.client import GraceDBClient
    from gwfollow.ledger import open_ledger
    from gwfollow.life import Site
    from gwfollow.settings import Settings

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    settings = Settings.read()
    site = Site(open_ledger(settings), settings, who())
    client = GraceDBClient.from_settings(settings)
    sources = [] if once else with_logins(settings)
    if not sources and client is None:
        raise InputError(
            "nothing to listen to: neither a Kafka server (GWFOLLOW_IGWN_ALERT_SERVER, GWFOLLOW_GCN_SERVER) nor GraceDB"
        )
    if once:
        _cycle(site, client, always=True)
        return
    supervisor = Supervisor(sources, site.ledger, Folders(settings.data_folder))
    asyncio.run(_serve(site, client, supervisor, until_idle))


async def _serve(site: Site, client: GraceDBClient | None, supervisor: Supervisor, until_idle: float | None) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    came = asyncio.Event()
    hear = asyncio.create_task(_hear(supervisor, came))
    work = asyncio.create_task(_work(site, client, came, until_idle))
    ended = asyncio.create_task(stop.wait())
    done, _ = await asyncio.wait([hear, work, ended], return_when=asyncio.FIRST_COMPLETED)
    hear.cancel()
    if work not in done:
        # what is being processed is finished: a thread cannot be interrupted
        came.set()
        work.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.gather(hear, work)


async def _hear(supervisor: Supervisor, came: asyncio.Event) -> None:
    from contextlib import aclosing

    async with aclosing(supervisor.run()) as wakeups:
        async for stored in wakeups:
            logging.info("%d messages stored", stored)
            came.set()


async def _work(site: Site, client: GraceDBClient | None, came: asyncio.Event, until_idle: float | None) -> None:
    """Process at every wake-up, and now and then without one; ends after an idle while where that is asked for."""
    last = time.monotonic()
    while True:
        woken = came.is_set()
        came.clear()
        did = await asyncio.to_thread(_cycle, site, client, always=False)
        if woken or did:
            last = time.monotonic()
        elif until_idle is not None and time.monotonic() - last > until_idle:
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(came.wait(), min(TICK, until_idle or TICK))


def _cycle(site: Site, client: GraceDBClient | None, *, always: bool) -> bool:
    """Reconcile when it is time, process, deliver; whether there was anything new.  What fails is told and tried again later."""
    from gwfollow.alerts.cycle import process_and_deliver, reconcile_if_due, waiting
    from gwfollow.alerts.skymap_fetch import fetch_skymaps
    from gwfollow.errors import GWFollowError

    try:
        reconcile_if_due(site, client, now_anyway=always)
        count = waiting(site)
        if count:
            logging.info("%s", process_and_deliver(site).processed)
        fetch_skymaps(site, client)
    except (GWFollowError, OSError) as error:
        if always:
            raise
        logging.error("tried again in %.0f s: %s", TICK, error)
        return False
    return count > 0


__all__ = ["listen"]
