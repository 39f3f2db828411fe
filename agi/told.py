"""What of a thread the voice menu tells. Pure."""

from __future__ import annotations

from ari_app.board import CallEntry, OutgoingEntry, TextEntry, ThreadView, VoicemailEntry
from ari_app.model import MessageKind, Outcome

__all__ = ["to_hear", "unanswered"]


def unanswered(view: ThreadView) -> tuple[list[CallEntry], list[TextEntry], list[OutgoingEntry]]:
    """What came since a person of the clinic last spoke with the caller or wrote, and who tried to call since; newest first."""
    calls: list[CallEntry] = []
    texts: list[TextEntry] = []
    tried: list[OutgoingEntry] = []
    for entry in view.entries:
        match entry:
            case TextEntry(incoming=True):
                texts.append(entry)
            case TextEntry(kind=MessageKind.STAFF) | CallEntry(outcome=Outcome.ANSWERED) | OutgoingEntry(reached=True):
                break
            case CallEntry():
                calls.append(entry)
            case OutgoingEntry():
                tried.append(entry)
    return calls, texts, tried


def to_hear(view: ThreadView) -> list[VoicemailEntry]:
    """Messages that can be played: those nobody heard yet, oldest first, else the newest one."""
    there = [entry for entry in view.entries if isinstance(entry, VoicemailEntry) and entry.playable]
    return [entry for entry in reversed(there) if entry.heard is None] or there[:1]
