"""What doctor says of the settings that the portal rules: since when, by whom, and what of them cannot be used."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import tzinfo

from ari_app.probes import Finding
from ari_app.standing import MODE, InForce

__all__ = ["judge_standing"]


def judge_standing(held: InForce, zone: tzinfo) -> Iterator[Finding]:
    """One finding per key that is not as the file has it. Times in ``zone``."""
    for each in held.left_out:
        yield Finding(
            "warn", "setting_left_out", f"{each.key}, set in the portal, cannot be used and textback.toml holds: {each.what}", each.fix
        )
    for key, change in held.changes.items():
        since = f"by {change.who} at {change.at.astimezone(zone):%Y-%m-%d %H:%M %Z}"
        if key == MODE:
            yield Finding("warn", "paused", f"paused in the portal {since}: no automatic text goes", "resume there, under Settings")
        else:
            yield Finding("ok", "portal_setting", f"{key} is as set in the portal {since}, whatever textback.toml says")
    for problem in held.policy.problems():
        if problem.key in held.changes:
            yield Finding(problem.state, "settings_problem", f"{problem.key}, set in the portal: {problem.what}", problem.fix)
