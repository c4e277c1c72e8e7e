"""What the policy wants for an event, from everything that its alerts have ever said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gwfollow.alerts.history import State
from gwfollow.alerts.policy import Decision, Policy, evaluate


@dataclass(frozen=True)
class Wanted:
    """The union of what the policy asked for after each alert in canonical order, so that the order of arrival cannot matter.

    What was asked for once stays asked for: a probability that falls later does not take an analysis away.
    """

    event: bool
    apply: tuple[tuple[str, str], ...]  # (rule, template), in the order of the policy
    notify: tuple[tuple[str, str], ...]  # (rule, where)


def decide(policy: Policy, states: Sequence[State]) -> tuple[Wanted, list[Decision]]:
    """Ask the policy about each of the states; what it wants in all, and what it said of each."""
    decisions = [evaluate(policy, state) for state in states]
    asked = {pair for decision in decisions for pair in decision.apply}
    told = {pair for decision in decisions for pair in decision.notify}
    apply = tuple((rule.name, name) for rule in policy.rules for name in rule.do.apply if (rule.name, name) in asked)
    notify = tuple((rule.name, where) for rule in policy.rules for where in rule.do.notify if (rule.name, where) in told)
    return Wanted(any(decision.event for decision in decisions), apply, notify), decisions


__all__ = ["Wanted", "decide"]
