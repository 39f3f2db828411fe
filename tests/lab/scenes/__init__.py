"""The scenarios by topic. ``tests/lab/scenarios.py`` is the table of all."""
