"""Copies of the store, verified, rotated, restored."""
