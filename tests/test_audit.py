"""The audit of dependencies asks about what is carried, and tells a finding from an answer it could not get."""

from __future__ import annotations

from typing import Any

from tests.audit import carried, verdict


def test_what_is_carried_is_asked_about_and_tests_own_needs_are_not() -> None:
    packages = carried()
    assert {"aiohttp", "pydantic-core", "pyserial", "panoramisk"} <= packages.keys()
    assert not {"pytest", "hypothesis", "asterisk-textback"} & packages.keys()


def test_findings_and_what_could_not_be_asked_about_are_told_apart() -> None:
    document: dict[str, Any] = {
        "dependencies": [
            {"name": "aiohttp", "version": "3.8.0", "vulns": [{"id": "PYSEC-2024-24", "fix_versions": ["3.9.2"], "aliases": []}]},
            {"name": "click", "version": "8.1.7", "vulns": []},
            {"name": "ours", "skip_reason": "Dependency not found on PyPI and could not be audited: ours (1.0)"},
            {"name": "jinja2", "version": "3.0.0", "vulns": [{"id": "CVE-2024-1", "fix_versions": []}]},
        ]
    }
    assert verdict(document) == (
        ["aiohttp 3.8.0: PYSEC-2024-24, mended in 3.9.2", "jinja2 3.0.0: CVE-2024-1, mended in no release yet"],
        ["ours"],
    )
