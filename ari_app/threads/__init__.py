"""The SQLite file: calls, decisions, threads, messages, contacts."""
