"""The house's key, under which numbers are remembered that nobody may read any more (see ``threads.keyed``)."""

from __future__ import annotations

from ari_app.threads.keyed import digest, key_path, load, load_or_make

__all__ = ["digest", "key_path", "load", "load_or_make"]
