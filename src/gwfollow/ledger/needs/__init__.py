"""What an analysis waits for (`needs`), and what it works on (`analyses`): one grammar, in docs/needs.md.

grammar     lists of blueprints as entries and conditions
candidates  the analyses that an entry may mean, and what is known of them
edges       the static part as rows of `Need`, made when an event's analyses change
evaluation  who counts and who is done at this moment: the one truth behind `unmet`, `gwfollow needs`, a run's plan and a build
"""

from gwfollow.ledger.needs.candidates import ANALYSES, NEEDS, starts_early, subjects_of
from gwfollow.ledger.needs.edges import affected_projects, link, relink_projects
from gwfollow.ledger.needs.evaluation import Evaluation, Group, Member, Part, evaluate, unmet, unmet_in_event
from gwfollow.ledger.needs.grammar import has_needs, parse_needs, parse_settings
from gwfollow.ledger.needs.impossible import refuse_impossible

__all__ = [
    "ANALYSES",
    "NEEDS",
    "Evaluation",
    "Group",
    "Member",
    "Part",
    "affected_projects",
    "evaluate",
    "has_needs",
    "link",
    "parse_needs",
    "parse_settings",
    "refuse_impossible",
    "relink_projects",
    "starts_early",
    "subjects_of",
    "unmet",
    "unmet_in_event",
]
