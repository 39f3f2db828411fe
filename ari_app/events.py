"""Notices that something in the store changed. Ids only, sent after the commit that made the change."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "CallChanged",
    "ContactChanged",
    "ContactsSynced",
    "MessageChanged",
    "Notice",
    "SettingsChanged",
    "StaffChanged",
    "ThreadChanged",
    "VoicemailChanged",
]


@dataclass(frozen=True, slots=True)
class CallChanged:
    """A call was listed or its decision changed."""

    id: str


@dataclass(frozen=True, slots=True)
class ThreadChanged:
    """A thread was made, or something in it changed that no other notice tells: its state, who answers it, a note, a call back."""

    id: int


@dataclass(frozen=True, slots=True)
class MessageChanged:
    """A message was queued or received, or its state changed."""

    id: int
    thread: int


@dataclass(frozen=True, slots=True)
class ContactChanged:
    """Who a number is changed: its people, names, language, a name offered, opt-out or textability."""

    number: str


@dataclass(frozen=True, slots=True)
class StaffChanged:
    """A member, a session or a key was made, changed or ended: who holds a door open asks again whether it may."""

    member: int


@dataclass(frozen=True, slots=True)
class SettingsChanged:
    """An administrator changed a setting or a ready reply in the portal."""

    key: str


@dataclass(frozen=True, slots=True)
class ContactsSynced:
    """An import, or a look at the clinic's own database, ended: many contacts may have changed."""

    source: str


@dataclass(frozen=True, slots=True)
class VoicemailChanged:
    """A message left was found, was heard, moved, or has a transcript now."""

    id: int
    thread: int


Notice = CallChanged | ThreadChanged | MessageChanged | ContactChanged | ContactsSynced | StaffChanged | SettingsChanged | VoicemailChanged
