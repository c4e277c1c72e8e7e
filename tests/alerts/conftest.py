"""A broker for the tests of listeners."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gwfollow.sandbox.kafka import LocalKafka


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    """One local Kafka for all; every test has a topic and a consumer group of its own."""
    with LocalKafka(tmp_path_factory.mktemp("kafka")) as running:
        yield running
