"""One look for everybody who waits for frames in an asyncio event loop.

Who waits for the same frame type, stretch and ways shares one look; a folder is read once for all types and stretches that are waited for in
it.  Each way (a folder, a server) is looked at in a thread of its own and at its own pace, so that a server that hangs, or is asked less
often because it is silent, delays nobody who does not need it.  A way comes into play once those before it have been tried, and not before
the stretch has ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import random
import time
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from weakref import WeakKeyDictionary

from gwfollow.data import folders, lookup
from gwfollow.data.arrival import PATIENCE, Arrival, Awaited, Wanted, judged
from gwfollow.data.lookup import Datafind, Folder
from gwfollow.data.names import FrameFile
from gwfollow.data.segments import Segment, missing
from gwfollow.errors import GWFollowError, InputError, RemoteRefused, RemoteSilent

log = logging.getLogger(__name__)

#: s between two questions to a server, at least
SERVER_SECONDS = 5.0
#: s between two questions to a server that is silent, at most: data are awaited for a minute, not for an hour
SILENT_SECONDS = 30.0

AnyWay = Folder | Datafind | lookup.GWOSC
#: the time that it has, or why that is not known
Answer = list[Segment] | GWFollowError


@dataclass(frozen=True)
class _Key:
    """What makes two who wait share a look."""

    kind: folders.Kind
    ways: tuple[AnyWay, ...]


@dataclass
class _Stretch:
    """What is known of one type and stretch, by way, and who waits for it."""

    key: _Key
    end: float  # Unix s
    waiting: set[asyncio.Event] = field(default_factory=set)
    found: dict[AnyWay, list[Segment]] = field(default_factory=dict)
    heard: dict[AnyWay, float] = field(default_factory=dict)  # when the last question was put that was answered
    silent: dict[AnyWay, str] = field(default_factory=dict)
    refused: dict[AnyWay, str] = field(default_factory=dict)
    gaps: tuple[Segment, ...] = ()

    def __post_init__(self) -> None:
        self.gaps = (self.key.kind.stretch,)

    def due(self, way: AnyWay, now: float) -> bool:
        before = self.key.ways[: self.key.ways.index(way)]
        return bool(self.gaps) and now >= self.end and all(one in self.heard or one in self.silent for one in before)

    def take(self, way: AnyWay, answer: Answer, asked: float) -> None:
        self.silent.pop(way, None)
        self.refused.pop(way, None)
        if isinstance(answer, RemoteSilent):
            self.silent[way] = str(answer)
        else:
            self.heard[way] = asked
            if isinstance(answer, GWFollowError):
                self.refused[way] = str(answer)
            else:
                self.found[way] = answer
                self.gaps = tuple(missing(self.key.kind.stretch, itertools.chain(*self.found.values())))
        for each in self.waiting:
            each.set()

    def arrival(self, wanted: Wanted, since: float) -> Arrival:
        looked = min(self.heard.get(way, 0.0) for way in self.key.ways)
        silent, refused = ("; ".join(said.values()) for said in (self.silent, self.refused))
        return Arrival(wanted, self.gaps, looked, since, silent, refused)


class Watch:
    """Looks as long as anybody waits.

    Parameters
    ----------
    poll_seconds : between two looks at a folder; servers are asked every `SERVER_SECONDS` at most
    """

    def __init__(self, poll_seconds: float) -> None:
        self.poll_seconds = max(poll_seconds, 0.01)  # others live in this loop too
        self._stretches: dict[_Key, _Stretch] = {}
        self._looking: dict[AnyWay, asyncio.Task[None]] = {}

    async def wait(self, wanted: Sequence[Wanted]) -> Awaited:
        """Once the wait is over (`Awaited.over`): all is settled, or the analysis may begin with what is there."""
        since, first, news = time.time(), None, asyncio.Event()
        followed = [self._join(each, news) for each in wanted]
        try:
            while True:
                news.clear()
                types = [stretch.arrival(each, since) for each, stretch in zip(wanted, followed, strict=True)]
                awaited = judged(types, time.time(), first)
                if awaited.over:
                    return awaited
                first = awaited.first_complete
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(news.wait(), awaited.seconds_left())
        finally:
            for stretch in followed:
                stretch.waiting.discard(news)
                if not stretch.waiting:
                    self._stretches.pop(stretch.key, None)

    def _join(self, wanted: Wanted, news: asyncio.Event) -> _Stretch:
        look_up = wanted.look_up
        key = _Key(folders.Kind(look_up.ifo, look_up.frame_type, wanted.stretch), look_up.ways)
        stretch = self._stretches.setdefault(key, _Stretch(key, wanted.end))
        stretch.waiting.add(news)
        for way in look_up.ways:
            if way not in self._looking:
                self._looking[way] = asyncio.create_task(self._look_while_anybody_waits(way))
        return stretch

    async def _look_while_anybody_waits(self, way: AnyWay) -> None:
        silences = 0
        period = self.poll_seconds if isinstance(way, Folder) else max(SERVER_SECONDS, self.poll_seconds)
        thread = ThreadPoolExecutor(1, thread_name_prefix="frames")
        try:
            while mine := [stretch for stretch in self._stretches.values() if way in stretch.key.ways]:
                due = [stretch for stretch in mine if stretch.due(way, time.time())]
                if not due:
                    await asyncio.sleep(self.poll_seconds)
                    continue
                silence = await self._look(thread, way, due)
                silences = silences + 1 if silence else 0
                await asyncio.sleep(_pause(period, silences, silence))
        finally:
            del self._looking[way]
            thread.shutdown(wait=False, cancel_futures=True)

    async def _look(self, thread: ThreadPoolExecutor, way: AnyWay, due: Collection[_Stretch]) -> RemoteSilent | None:
        """One look for all that are due; the words of a way that is silent."""
        asked = time.time()
        answers = await asyncio.get_running_loop().run_in_executor(thread, answers_of, way, [each.key.kind for each in due])
        for stretch in due:
            stretch.take(way, answers[stretch.key.kind], asked)
        silence = next((answer for answer in answers.values() if isinstance(answer, RemoteSilent)), None)
        if silence:
            log.warning("%d types and stretches of frames are waited for on: %s", len(due), silence)
        return silence


def answers_of(way: AnyWay, kinds: Sequence[folders.Kind]) -> dict[folders.Kind, Answer]:
    """One look at a folder for all kinds; a server is asked about one after another, and about no more once it is silent."""
    found: dict[folders.Kind, Answer] = {}
    try:
        if isinstance(way, Folder):
            named = {kind: replace(kind, frame_type=way.frame_type or kind.frame_type) for kind in kinds}
            seen = folders.look(way.path, list(named.values()))
            return {kind: _segments(seen[there]) for kind, there in named.items()}
        for kind in dict.fromkeys(kinds):
            try:
                found[kind] = _segments(lookup.ask(way, kind.ifo, kind.frame_type, kind.stretch))
            except RemoteRefused as error:
                found[kind] = error
        return found
    except (InputError, RemoteSilent) as error:
        return {**dict.fromkeys(kinds, error), **found}
    except Exception as error:  # whatever it is, who waits must not wait for ever
        log.exception("a look for frames failed")
        return {**dict.fromkeys(kinds, RemoteSilent(f"a look failed: {type(error).__name__}: {error}")), **found}


def _segments(files: list[FrameFile]) -> list[Segment]:
    return [file.segment for file in files]


def _pause(period: float, silences: int, silence: RemoteSilent | None) -> float:
    if silence is None:
        return period
    longer = min(max(SILENT_SECONDS, period), period * 2.0 ** min(silences, 16)) * random.uniform(0.8, 1.0)
    return max(longer, min(silence.retry_after or 0.0, PATIENCE))


_watches: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[float, Watch]] = WeakKeyDictionary()


def shared_watch(poll_seconds: float) -> Watch:
    """The one watch of this event loop with this pace."""
    watches = _watches.setdefault(asyncio.get_running_loop(), {})
    return watches.setdefault(poll_seconds, Watch(poll_seconds))


__all__ = ["SERVER_SECONDS", "Watch", "answers_of", "shared_watch"]
