"""What doctor says of voicemail: each thing that keeps messages from being found, heard on both sides, played or written down."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from ari_app.doctor_voicemail import look
from ari_app.settings import AmiSettings, Settings, parse
from ari_app.threads.voicemail import Facts
from tests.pbx.fake_ami import server
from tests.voicemail.spooled import leave

ALL = "Success\r\nFilter: ok\r\nVoicemailMove: ok"
USERS = (
    "Event: VoicemailUserEntry\r\nActionID: {id}\r\nVMContext: default\r\nVoiceMailbox: 101\r\nDeleteMessage: Yes\r\n\r\n"
    "Event: VoicemailUserEntry\r\nActionID: {id}\r\nVMContext: default\r\nVoiceMailbox: 600\r\nDeleteMessage: No\r\n\r\n"
    "Event: VoicemailUserEntryComplete\r\nActionID: {id}\r\nEventList: Complete\r\nListItems: 2\r\n\r\n"
)
"""As Asterisk 22 and 16 list them."""
NOW = datetime.now(UTC)


def settings(ami: AmiSettings | None, **voicemail: Any) -> Settings:
    document: dict[str, Any] = {
        "clinic": {"name": "Clinique", "number": "+15145550100"},
        "pbx": {"username": "textback", "password": "x"},
    }
    if voicemail:
        document["voicemail"] = {key: str(value) if isinstance(value, Path) else value for key, value in voicemail.items()}
    if ami is not None:
        document["pbx"]["ami"] = ami.model_dump(exclude_none=True)
    return parse(document)


def facts(*known: str, **changes: Any) -> Facts:
    return Facts(
        **{
            "since": NOW - timedelta(days=9),
            "known": frozenset(known),
            "waiting": 0,
            "oldest": None,
            "failed": 0,
            "misplaced": 0,
            **changes,
        }
    )


@contextlib.contextmanager
def nobody() -> Iterator[None]:
    """A user who may do nothing: what root may is no proof."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def _spool(folder: Path) -> Path:
    leave(folder / "spool", NOW - timedelta(hours=1), "wav", message="m0")
    return folder / "spool"


async def _codes(chosen: Settings, about: Facts) -> list[str]:
    found = await look(chosen, about)
    assert all(bool(each.fix) == (each.state != "ok") for each in found)
    assert {each.state for each in found} <= {"ok", "warn"}
    return [each.code for each in found]


async def test_all_in_order(tmp_path: Path) -> None:
    async with server() as (fake, ami):
        fake.answers["ListCommands"] = ALL
        assert await _codes(settings(ami, spool=_spool(tmp_path)), facts("m0")) == ["voicemail"]


async def test_without_voicemail_nothing_is_said_unless_it_is_spoken_of(tmp_path: Path) -> None:
    if not Path("/var/spool/asterisk/voicemail").exists():  # noqa: ASYNC240
        assert await look(settings(None), facts()) == []
    assert await _codes(settings(None, spool=tmp_path / "nowhere"), facts()) == ["voicemail_spool"]


async def test_a_spool_that_cannot_be_read(tmp_path: Path) -> None:
    spool = _spool(tmp_path)
    spool.chmod(0)
    with nobody():
        (found,) = await look(settings(None, spool=spool), facts())
    assert (found.code, "usermod -a -G asterisk" in found.fix) == ("voicemail_unreadable", True)
    spool.chmod(0o755)


@pytest.mark.parametrize(
    ("commands", "writable", "changes", "codes"),
    [
        (None, True, {}, ["voicemail_no_ami"]),
        (None, False, {}, ["voicemail_no_ami"]),
        (ALL, False, {}, ["voicemail"]),
        (ALL, False, {"misplaced": 2}, ["voicemail_behind"]),
        ("Success\r\nFilter: ok", True, {}, ["voicemail"]),
        ("Success\r\nFilter: ok", False, {}, ["voicemail_not_moved"]),
        ("Success\r\nVoicemailMove: ok", True, {}, ["voicemail_not_told"]),
        ("Error", True, {}, ["voicemail"]),
    ],
)
async def test_who_may_move_what_is_in_it(
    *, commands: str | None, writable: bool, changes: dict[str, Any], codes: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    spool = _spool(tmp_path)
    may = os.access
    if not writable:
        monkeypatch.setattr(os, "access", lambda path, mode, **how: may(path, mode, **how) and not mode & os.W_OK)
    async with server() as (fake, ami):
        if commands is not None:
            fake.answers["ListCommands"] = commands
        assert await _codes(settings(None if commands is None else ami, spool=spool), facts("m0", **changes)) == codes


async def test_a_mailbox_that_is_emptied_at_once_is_named(tmp_path: Path) -> None:
    async with server() as (fake, ami):
        fake.answers |= {"ListCommands": ALL, "VoicemailUsersList": "Success\r\nEventList: start"}
        fake.events["VoicemailUsersList"] = USERS
        (found,) = await look(settings(ami, spool=_spool(tmp_path)), facts("m0"))
        assert (found.code, "101@default" in found.what, "600" in found.what) == ("voicemail_deleted", True, False)
        fake.answers["VoicemailUsersList"] = "Error"
        fake.events.clear()
        assert await _codes(settings(ami, spool=tmp_path / "spool"), facts("m0")) == ["voicemail"]


async def test_messages_that_are_in_no_thread_are_counted(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    messages: tuple[tuple[str, int, dict[str, Any]], ...] = (
        ("known", 60, {}),
        ("doubt", 60, {"mailbox": "600"}),
        ("hidden", 60, {"caller": "Unknown", "mailbox": "600"}),
        ("inside", 60, {"caller": "104"}),
        ("just now", 1, {}),
        ("before us", 60 * 24 * 10, {}),
        ("heard", 60, {"folder": "Old"}),
    )
    for message, ago, how in messages:
        leave(spool, datetime.now(UTC) - timedelta(minutes=ago), "wav", message=message, **how)
    async with server() as (fake, ami):
        fake.answers["ListCommands"] = ALL
        (found,) = await look(settings(ami, spool=spool), facts("known"))
    assert found.code == "voicemail_unfiled"
    assert "2 unheard messages" in found.what
    assert "600@default" in found.what
    assert "514555" not in found.what + found.fix


async def test_formats_that_cannot_be_played(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    leave(spool, NOW - timedelta(hours=1), "gsm", message="m0")
    leave(spool, NOW - timedelta(hours=1), message="m1").with_suffix(".g722").write_bytes(b"x")
    leave(spool, NOW - timedelta(hours=1), message="m2")
    async with server() as (fake, ami):
        fake.answers["ListCommands"] = ALL
        (found,) = await look(settings(ami, spool=spool), facts("m0", "m1", "m2"))
    assert found.code == "voicemail_format"
    assert "g722, no sound" in found.what


@pytest.mark.parametrize(
    ("transcription", "changes", "codes"),
    [
        ({"engine": "pocketsphinx"}, {}, ["voicemail"]),
        ({"engine": "pocketsphinx"}, {"failed": 3}, ["transcription_failed"]),
        ({"engine": "pocketsphinx"}, {"waiting": 3, "oldest": NOW - timedelta(minutes=50)}, ["voicemail"]),
        ({"engine": "pocketsphinx"}, {"waiting": 3, "oldest": NOW - timedelta(minutes=70)}, ["transcription_behind"]),
        ({"engine": "pocketsphinx", "model": "/nowhere/model"}, {"waiting": 2}, ["model_missing"]),
        (
            {"engine": "faster-whisper", "model": "/nowhere/model"},
            {},
            ["model_missing" if find_spec("faster_whisper") else "engine_missing"],
        ),
    ],
)
async def test_the_engine(tmp_path: Path, transcription: dict[str, Any], changes: dict[str, Any], codes: list[str]) -> None:
    async with server() as (fake, ami):
        fake.answers["ListCommands"] = ALL
        assert await _codes(settings(ami, spool=_spool(tmp_path), transcription=transcription), facts("m0", **changes)) == codes
