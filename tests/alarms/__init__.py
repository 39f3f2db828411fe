"""Alarms: what raises one, what is told of it, by which way."""
