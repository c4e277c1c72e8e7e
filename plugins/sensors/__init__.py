"""Sensors that wait for jobs, files, frames and labels in the triggerer, and their triggers, which share one poll."""

from sensors.frame_coverage import FrameCoverageSensor, FrameCoverageTrigger
from sensors.gracedb_label import GraceDBLabelSensor, GraceDBLabelTrigger
from sensors.result_file import ResultFileSensor, ResultFileTrigger
from sensors.scheduler_job import ProcessSensor, SchedulerJobSensor, SchedulerJobTrigger

__all__ = [
    "FrameCoverageSensor",
    "FrameCoverageTrigger",
    "GraceDBLabelSensor",
    "GraceDBLabelTrigger",
    "ProcessSensor",
    "ResultFileSensor",
    "ResultFileTrigger",
    "SchedulerJobSensor",
    "SchedulerJobTrigger",
]
