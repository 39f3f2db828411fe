"""Tells the administrator what keeps textback from working."""
