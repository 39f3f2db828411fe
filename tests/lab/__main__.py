"""``python -m tests.lab``: what scripts/lab runs."""

from tests.lab.cli import run

run()
