"""Data that are awaited: what has come of each frame type, when that is settled, and what follows for who waits.

Nothing here looks or waits; times are Unix seconds, stretches GPS seconds.  A type is *settled* when it is complete, or when everybody
who may have it has answered after its deadline, once at least however late we are.  Who is silent is asked on for `PATIENCE` seconds
after the deadline: silence is not a gap.  After that it is settled as unknown, and the words say so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from gwfollow.data.segments import Segment, livetime, overlaps, told

if TYPE_CHECKING:
    from gwfollow.data.lookup import LookUp

Need = Literal["all", "some", "none"]

#: s that the other types are given once a first one is complete
GRACE = 5.0
#: s after its deadline that a type is waited for while somebody who may have it does not answer
PATIENCE = 300.0
#: gaps that a sentence lists
MOST_GAPS = 6


@dataclass(frozen=True)
class Wanted:
    """One frame type, the stretch that is wanted of it, and until when."""

    look_up: LookUp
    stretch: Segment
    end: float  # when the stretch ends: before that nobody can have it whole
    deadline: float
    need: Need = "some"  # as in `gwfollow.pipelines.base.AwaitedData`
    core: Segment | None = None  # likewise

    def as_dict(self) -> dict[str, Any]:
        """As JSON can hold it; no secrets."""
        return {
            "look_up": self.look_up.model_dump(mode="json"),
            "stretch": list(self.stretch),
            "end": self.end,
            "deadline": self.deadline,
            "need": self.need,
            "core": list(self.core) if self.core else None,
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Wanted:
        from gwfollow.data.lookup import LookUp

        start, end = stored["stretch"]
        core = (stored["core"][0], stored["core"][1]) if stored["core"] else None
        return cls(**{**stored, "look_up": LookUp.model_validate(stored["look_up"]), "stretch": (start, end), "core": core})


@dataclass(frozen=True)
class Arrival:
    """What is known of one type."""

    wanted: Wanted
    missing: tuple[Segment, ...]  # what nobody who answered has
    looked: float = (
        0.0  # when the last question to each way was put that was answered, of all ways the earliest; 0: one never was
    )
    since: float = 0.0  # when it was first asked for
    silent: str = ""  # who does not answer
    refused: str = ""  # who says no

    @property
    def complete(self) -> bool:
        return not self.missing

    @property
    def useless(self) -> bool:
        """Whether nothing can be done with what is there."""
        if self.wanted.core is not None:
            return any(overlaps(gap, self.wanted.core) for gap in self.missing)
        return livetime(self.missing) >= livetime([self.wanted.stretch])

    @property
    def patience_ends(self) -> float:
        return max(self.wanted.deadline, self.since) + PATIENCE

    def settled(self, now: float) -> bool:
        return self.complete or self.looked >= self.wanted.deadline or (bool(self.silent) and now >= self.patience_ends)

    def sentence(self) -> str:
        """``H1_R: [1126259446, 1126259450) missing (gwdatafind server ... does not answer)``."""
        name = self.wanted.look_up.frame_type
        if self.complete:
            return f"{name}: complete"
        words = "; ".join(filter(None, [self.silent, self.refused]))
        state = "not known to be there" if self.silent else "missing"
        return f"{name}: {told(self.missing, MOST_GAPS)} {state}{f' ({words})' if words else ''}"


@dataclass(frozen=True)
class Awaited:
    """Everything that one analysis waits for, as it was at `now`."""

    types: tuple[Arrival, ...]
    now: float
    first_complete: float | None = None  # since when a first type has been seen to be complete

    @property
    def settled(self) -> bool:
        return all(each.settled(self.now) for each in self.types)

    @property
    def complete(self) -> bool:
        return all(each.complete for each in self.types)

    @property
    def begin_early(self) -> float | None:
        """When the analysis may begin with what is there; None where it must know all first."""
        if self.first_complete is None or any(each.wanted.need != "some" for each in self.types):
            return None
        return self.first_complete + GRACE

    @property
    def over(self) -> bool:
        """Whether the wait is over."""
        early = self.begin_early
        return self.settled or (early is not None and self.now >= early)

    def seconds_left(self) -> float:
        """Until this may change by time alone, without another answer."""
        moments = [each.patience_ends for each in self.types if each.silent and not each.settled(self.now)]
        moments += [self.begin_early] if self.begin_early is not None else []
        return max(0.0, min(moments, default=self.now + PATIENCE) - self.now)

    def lack(self) -> str:
        """Why the analysis is not worth a run once all is settled; empty where it is, and before."""
        lacking = [each for each in self.types if each.wanted.need == "all" and not each.complete]
        if not lacking and self.types and all(each.wanted.need != "none" and each.useless for each in self.types):
            lacking = list(self.types)
        return "; ".join(each.sentence() for each in lacking) if self.settled else ""

    def sentences(self) -> list[str]:
        return [each.sentence() for each in self.types]

    def report(self) -> dict[str, Any]:
        """For XCom and people: what is there and what is missing of each type."""
        return {
            "complete": self.complete,
            "frames": [
                {
                    "ifo": each.wanted.look_up.ifo,
                    "frame_type": each.wanted.look_up.frame_type,
                    "stretch": list(each.wanted.stretch),
                    "complete": each.complete,
                    "settled": each.settled(self.now),
                    "missing": [list(gap) for gap in each.missing],
                    "text": each.sentence(),
                }
                for each in self.types
            ],
        }


def judged(types: Sequence[Arrival], now: float, first_complete: float | None) -> Awaited:
    """The picture at `now`; it remembers when a first type was seen to be complete."""
    if first_complete is None and any(each.complete for each in types):
        first_complete = now
    return Awaited(tuple(types), now, first_complete)


__all__ = ["GRACE", "PATIENCE", "Arrival", "Awaited", "Need", "Wanted", "judged"]
