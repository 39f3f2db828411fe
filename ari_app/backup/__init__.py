"""Copies of the store: made while it is in use, looked through, kept for a while, and put back."""

from __future__ import annotations

from ari_app.backup.make import make, prepare
from ari_app.backup.manifest import Copy, held, last
from ari_app.backup.restoring import restore

__all__ = ["Copy", "held", "last", "make", "prepare", "restore"]
