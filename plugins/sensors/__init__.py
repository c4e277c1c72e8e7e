"""Sensors that wait for jobs, files and labels in the triggerer, and their triggers, which share one poll."""

from sensors.gracedb_label import GraceDBLabelSensor, GraceDBLabelTrigger
from sensors.result_file import ResultFileSensor, ResultFileTrigger
from sensors.scheduler_job import ProcessSensor, SchedulerJobSensor, SchedulerJobTrigger

__all__ = [
    "GraceDBLabelSensor",
    "GraceDBLabelTrigger",
    "ProcessSensor",
    "ResultFileSensor",
    "ResultFileTrigger",
    "SchedulerJobSensor",
    "SchedulerJobTrigger",
]
