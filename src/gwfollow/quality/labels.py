"""Which labels an event gets for the verdicts on its data: the part ``labels`` of ``state_checks.yaml``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gwfollow.quality.verdicts import worst


class Deed(BaseModel):
    """What is done with labels."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    take_back: tuple[str, ...] = Field(default=(), description="removed only where gwfollow has added it")

    @model_validator(mode="after")
    def _once(self) -> Deed:
        named = [*self.add, *self.remove, *self.take_back]
        if twice := sorted({label for label in named if named.count(label) > 1}):
            raise ValueError(f"{', '.join(twice)} is named twice")
        return self


class Labels(BaseModel):
    """The policy: verdicts of the processes in `counts` make `passed`, `failed` or `unknown`; a fail of `injections` adds its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    counts: tuple[str, ...] = Field(default=("state vector",), description="processes whose verdicts decide; the worst counts")
    injections: tuple[str, ...] = Field(
        default=("hardware injection",), description="processes whose fail says that a signal was put in"
    )
    passed: Deed = Deed(add=("DQOK",), remove=("DQV",))
    failed: Deed = Deed(add=("DQV",), remove=("DQOK",))
    unknown: Deed = Deed(take_back=("DQOK",))
    injected: tuple[str, ...] = Field(default=("INJ",), description="added, and never removed by gwfollow")

    @model_validator(mode="after")
    def _injections_stay(self) -> Labels:
        removed = {label for deed in (self.passed, self.failed, self.unknown) for label in (*deed.remove, *deed.take_back)}
        if lost := sorted(removed & set(self.injected)):
            raise ValueError(f"{', '.join(lost)} says that a signal was put in: it is never removed")
        if "DQOK" in self.unknown.add:
            raise ValueError("unknown is never pass: it adds no DQOK")
        return self


def wanted(labels: Labels, verdicts: Sequence[tuple[str, str]]) -> Iterator[tuple[str, bool, bool]]:
    """Label, whether it shall be there, whether that concerns only our own; `verdicts` are pairs of process and verdict.

    Nothing of what counts has been asked: nothing is wanted.
    """
    counting = [verdict for process, verdict in verdicts if process in labels.counts]
    if counting:
        deed: Deed = {"pass": labels.passed, "fail": labels.failed, "unknown": labels.unknown}[worst(counting)]
        yield from ((label, True, False) for label in deed.add)
        yield from ((label, False, False) for label in deed.remove)
        yield from ((label, False, True) for label in deed.take_back)
    if any(process in labels.injections and verdict == "fail" for process, verdict in verdicts):
        yield from ((label, True, False) for label in labels.injected)


__all__ = ["Deed", "Labels", "wanted"]
