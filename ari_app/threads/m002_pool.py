"""Which modem a conversation is on, whose fault a refusal was, texts that only one modem may carry, reports that never came."""

from __future__ import annotations

__all__ = ["STATEMENTS"]

STATEMENTS = (
    "ALTER TABLE thread ADD COLUMN modem TEXT",
    "ALTER TABLE message ADD COLUMN bound INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE message ADD COLUMN unconfirmed INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE attempt ADD COLUMN number_at_fault INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE attempt ADD COLUMN permanent INTEGER NOT NULL DEFAULT 0",
    "CREATE INDEX attempt_by_start ON attempt (started)",
    # Texts that wait for a report, and those of modems that bring none.
    "CREATE INDEX message_unconfirmed ON message (went) WHERE state = 'sent' AND unconfirmed = 0",
    "CREATE INDEX report_by_modem ON report (modem, received)",
)
