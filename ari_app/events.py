"""Notices that something in the store changed. Ids only, sent after the commit that made the change."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CallChanged", "ContactChanged", "MessageChanged", "Notice", "ThreadChanged"]


@dataclass(frozen=True, slots=True)
class CallChanged:
    """A call was listed or its decision changed."""

    id: str


@dataclass(frozen=True, slots=True)
class ThreadChanged:
    """A thread was made, or its state changed."""

    id: int


@dataclass(frozen=True, slots=True)
class MessageChanged:
    """A message was queued or received, or its state changed."""

    id: int
    thread: int


@dataclass(frozen=True, slots=True)
class ContactChanged:
    """A contact's name, language, opt-out or textability changed."""

    number: str


Notice = CallChanged | ThreadChanged | MessageChanged | ContactChanged
