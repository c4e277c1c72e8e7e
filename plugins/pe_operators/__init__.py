"""Operators for the life of an analysis: build, submit, collect, publish, and the plan and the verdict around them."""

from pe_operators.build import BuildOperator
from pe_operators.collect import CollectOperator
from pe_operators.gracedb import GraceDBAnnotateOperator, GraceDBFetchFilesOperator, GraceDBLabelOperator
from pe_operators.links import JobLogLink, ResultPageLink
from pe_operators.plan import PlanOperator, VerdictOperator
from pe_operators.publish import PublishOperator
from pe_operators.submit import SubmitOperator

__all__ = [
    "BuildOperator",
    "CollectOperator",
    "GraceDBAnnotateOperator",
    "GraceDBFetchFilesOperator",
    "GraceDBLabelOperator",
    "JobLogLink",
    "PlanOperator",
    "PublishOperator",
    "ResultPageLink",
    "SubmitOperator",
    "VerdictOperator",
]
