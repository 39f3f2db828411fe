"""[[priority]], [emergency] and [voicemail] of textback.toml: who goes first, and what is left as sound."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from ari_app.model import EMERGENCY, Kind
from ari_app.setting_types import AnyFile, Duration, Part, Whole, YesNo

__all__ = ["EmergencySettings", "PrioritySettings", "TranscriptionSettings", "VoicemailSettings"]

_CONDITIONS = ("kind", "tag", "line", "option", "words", "hours", "calls", "voicemail", "emergency")


class PrioritySettings(Part):
    """[[priority]]: a rule. All that is given must hold; of a list, one of it."""

    name: str = Field(min_length=1, max_length=40)
    """As staff read it, beside the caller."""
    level: Literal["high", "urgent"] = "high"
    kind: tuple[Kind, ...] = ()
    tag: tuple[str, ...] = ()
    line: tuple[str, ...] = ()
    option: tuple[str, ...] = ()
    """What was chosen in a menu (TEXTBACK_OPTION)."""
    words: tuple[str, ...] = ()
    """In a caller's text; a * at the end of one stands for any ending. Accents and case do not matter."""
    hours: str | None = None
    """OSM opening_hours, in the clinic's zone: it holds within them."""
    calls: Whole | None = Field(default=None, ge=2)
    """So many calls today that nobody answered."""
    voicemail: YesNo | None = None
    """A message was left, or none."""
    emergency: YesNo | None = None
    """The text has emergency words, or none."""
    notify: str | None = None
    """E.164 of who is on call: is texted that somebody waits, never what or who."""

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not self.model_fields_set.intersection(_CONDITIONS):
            raise ValueError(f"name: this rule has no condition; give one of {', '.join(_CONDITIONS)}")
        if self.name == EMERGENCY:
            raise ValueError(f'name: "{EMERGENCY}" is what the emergency words are called; write another')
        return self


class EmergencySettings(Part):
    """[emergency]: words in a caller's text that are answered with the safety text at once and make the thread urgent."""

    answer: YesNo = True
    """Send ``reply.text.LANGUAGE.safety``."""
    words: dict[Literal["fr", "en"], tuple[str, ...]] = Field(default_factory=dict)
    """In place of the built-in ones of that language; written as ``priority.words``."""


class TranscriptionSettings(Part):
    """[voicemail.transcription]: an engine of this machine that writes down what was said."""

    engine: Literal["faster-whisper", "pocketsphinx"]
    model: AnyFile | None = None
    """Folder of the model; pocketsphinx has its own, for English."""
    language: Literal["fr", "en", "auto"] = "auto"
    """auto: the caller's language where it is known, else found out by the engine."""
    patience: Duration = timedelta(minutes=5)
    """The longest one message may take."""
    memory: Whole = Field(default=4096, ge=128)
    """MiB of addresses the engine may take: engines ask for some three times what they fill."""

    @model_validator(mode="after")
    def _model(self) -> Self:
        if self.engine == "faster-whisper" and self.model is None:
            raise ValueError("model: is missing; write the folder of a model of CTranslate2, which textback does not fetch")
        return self


class VoicemailSettings(Part):
    """[voicemail]: messages left in Asterisk's own voicemail."""

    spool: AnyFile = Path("/var/spool/asterisk/voicemail")
    """As seen from here; nothing is found where it cannot be read."""
    transcription: TranscriptionSettings | None = None
