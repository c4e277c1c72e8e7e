"""The toy pipeline with everything that follows its job: post-processing, files to publish, caches to clean."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from toy_pipeline import Toy

from gwfollow.schedulers.base import Job, Work

POST = "import pathlib; open('post-runs.txt', 'a').write('x\\n'); pathlib.Path('post.txt').write_text('whole\\n')"


class Steps(Toy):
    """See the module."""

    name = "steps"

    def after_completion(self) -> Work | None:
        return Job(Path(sys.executable), ("-c", POST), self.task.folder, "post", self.task.resources)

    def detect_completion_processing(self) -> bool:
        return (self.task.folder / "post.txt").is_file()

    def store_results(self) -> Mapping[str, Path]:
        return {"words": self.task.folder / "result.txt"}

    def clean(self) -> Iterable[Path]:
        return [self.task.folder / "cache", self.task.folder / "result.txt"]
