"""For pipelines whose completion is one check that says what is missing."""

from __future__ import annotations

from abc import abstractmethod

from gwfollow.errors import PipelineError
from gwfollow.pipelines.base import Pipeline


class CheckedPipeline(Pipeline):
    """Complete when `check` finds nothing missing."""

    @abstractmethod
    def check(self) -> None:
        """Open the results.  Raises `PipelineError` with what is missing or broken."""

    def detect_completion(self) -> bool:
        try:
            self.check()
        except PipelineError as error:
            self.logger.info("not complete: %s", error)
            return False
        return True
