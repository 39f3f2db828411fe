"""Deciding: is the clinic open, should this caller get a text, which words, what did this reply mean. Pure, without I/O."""

from ari_app.policy.checks import Problem, check_settings
from ari_app.policy.hours import Opening
from ari_app.policy.language import warm
from ari_app.policy.policy import Policy

__all__ = ["Opening", "Policy", "Problem", "check_settings", "warm"]
