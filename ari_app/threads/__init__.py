"""The SQLite file: calls, decisions, threads, messages, contacts."""

from ari_app.threads.store import Store

__all__ = ["Store"]
