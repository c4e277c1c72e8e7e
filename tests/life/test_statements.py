"""What the end of an analysis costs the ledger: few statements, and as many whatever else is in it."""

from __future__ import annotations

from collections import Counter
from typing import Any

from memory import MemoryScheduler
from sqlalchemy import event

from gwfollow.ledger.apply import apply
from gwfollow.ledger.blueprints import read_text
from gwfollow.life import Site
from gwfollow.life.build import build
from gwfollow.life.finish import collect, process, publish
from gwfollow.life.submit import submit
from gwfollow.life.wait import settle
from gwfollow.schedulers.base import JobState

#: with BEGIN and COMMIT they are the larger part of the processor's time
MOST = {"settle": 2, "collect": 8, "process": 4, "publish": 10}


def add_events(site: Site, names: list[str]) -> None:
    documents = [f"kind: event\nname: {name}\nevent time: 1126259462.4\n" for name in names]
    documents += [f"kind: analysis\nname: pe\npipeline: onefile\nevent: {name}\n" for name in names]
    with site.ledger.change(who="test") as change:
        apply(change, read_text("---\n".join(documents), "more.yaml").blueprints)


def statements(site: Site, scheduler: MemoryScheduler, name: str) -> Counter[str]:
    """How many each step asks from the end of the job on."""
    folder = build(site, name, "pe").folder
    scheduler.set(submit(site, name, "pe").job_id, JobState.COMPLETED, exit_code=0)
    (folder / "result.json").write_text("[1]")
    counted: Counter[str] = Counter()
    for step in (settle, collect, process, publish):

        def count(*_: Any, step: str = step.__name__) -> None:
            counted[step] += 1

        event.listen(site.ledger.engine, "before_cursor_execute", count)
        step(site, name, "pe")
        event.remove(site.ledger.engine, "before_cursor_execute", count)
    return counted


def test_the_end_of_an_analysis_asks_little_of_the_ledger_however_many_others_there_are(
    site: Site, scheduler: MemoryScheduler
) -> None:
    add_events(site, ["GW000000"])
    alone = statements(site, scheduler, "GW000000")
    add_events(site, [f"GW{number:06d}" for number in range(1, 31)])
    among_others = statements(site, scheduler, "GW000007")
    assert among_others == alone
    assert set(alone) == set(MOST)
    assert all(alone[step] <= most for step, most in MOST.items()), alone
