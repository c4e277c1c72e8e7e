"""Sensors that wait for jobs and files in the triggerer, and their triggers, which share one poll."""

from sensors.result_file import ResultFileSensor, ResultFileTrigger
from sensors.scheduler_job import ProcessSensor, SchedulerJobSensor, SchedulerJobTrigger

__all__ = ["ProcessSensor", "ResultFileSensor", "ResultFileTrigger", "SchedulerJobSensor", "SchedulerJobTrigger"]
