"""``python -m tests.faults.collecting FILE…``: what pytest finds in test files, a line each: "bench" or "ci", a tab, the node id."""

from __future__ import annotations

import sys

import pytest

__all__: list[str] = []


class _Lister:
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        for item in session.items:
            print("bench" if item.get_closest_marker("bench") else "ci", item.nodeid, sep="\t")  # noqa: T201 (its purpose)


if __name__ == "__main__":
    sys.exit(pytest.main(["-p", "no:cacheprovider", "--collect-only", "-qqq", "-m", "", *sys.argv[1:]], plugins=[_Lister()]))
