"""A pytest plugin for upstream's integration tests: runs those that are skipped because upstream's test server is older than they are."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.name == "test_notices.py":
            for node in item.listchain():
                node.own_markers[:] = [mark for mark in node.own_markers if mark.name != "skip"]
