"""The life of an analysis: plan, build, submit, wait, collect, process, publish, stop.

Every step is an *ensure*: called twice, by a retry, by a second run or after a crash, it has the effect of once.  The steps know the
ledger, the pipelines and the schedulers, and nothing of Airflow: its operators call them and say what came out.
"""

from gwfollow.life.site import NoWork, Site

__all__ = ["NoWork", "Site"]
