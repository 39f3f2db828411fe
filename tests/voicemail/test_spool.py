"""The spool: what is read of it, and moving as Asterisk does."""

from __future__ import annotations

import os
import struct
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ari_app.voicemail import spool as room
from ari_app.voicemail.spool import NotMovedError, locked, mails, marks, move, still_there
from tests.voicemail.spooled import leave, texts

AT = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
BOX = ("101", "default")


def test_a_message_is_read_as_asterisk_wrote_it(tmp_path: Path) -> None:
    leave(tmp_path, AT, "wav", message="1772463600-00000007", caller='"Marie <Élodie" <5145550101>', seconds=3)
    (mail,) = mails(tmp_path, BOX)
    assert (mail.message, mail.mailbox, mail.context, mail.folder) == ("1772463600-00000007", "101", "default", "INBOX")
    assert (mail.at, mail.channel, mail.caller, mail.seconds) == (AT, "PJSIP/trunk-00000001", "5145550101", 3)
    assert still_there(mail)


@pytest.mark.parametrize("caller", ["", "Unknown", "anonymous", "<>", '"x" <>'])
def test_no_number_is_no_number(tmp_path: Path, caller: str) -> None:
    leave(tmp_path, AT, message="a", caller=caller)
    (mail,) = mails(tmp_path, BOX)
    assert not any(char.isdigit() for char in mail.caller)


def test_what_is_no_message_is_passed_over(tmp_path: Path) -> None:
    good = leave(tmp_path, AT, message="a")
    for name, said in {
        "msg0001.txt": "",
        "msg0002.txt": "[message]\norigtime=soon\n",
        "msg0003.txt": "[message]\norigtime=99999999999999999999\n",
        "msg0004.txt": "\0\xff" * 50_000,
        "msg.txt": good.read_text(),
        "msg0000.wav": "",
        ".lock": "",
    }.items():
        (good.parent / name).write_text(said)
    (good.parent.parent / "unavail.wav").write_text("")
    assert [each.message for each in mails(tmp_path, BOX)] == ["a"]


def test_a_spool_of_old_has_no_ids_and_each_message_is_another(tmp_path: Path) -> None:
    for mailbox, channel in (("101", "SIP/1"), ("101", "SIP/2"), ("102", "SIP/1")):
        text = leave(tmp_path, AT, message="x", channel=channel, mailbox=mailbox)
        text.write_text(text.read_text().replace("msg_id=x\n", ""))
    found = [*mails(tmp_path, BOX), *mails(tmp_path, ("102", "default"))]
    assert len({each.message for each in found}) == 3


@pytest.mark.parametrize("box", [("..", "default"), ("101", ".."), ("", "default"), ("101/../../x", "default"), ("9", "nowhere")])
def test_no_event_leads_out_of_the_spool(tmp_path: Path, box: tuple[str, str]) -> None:
    leave(tmp_path / "spool", AT, message="a")
    leave(tmp_path, AT, message="b", mailbox="INBOX")
    assert mails(tmp_path / "spool", box) == []


def test_only_what_changed_has_another_mark(tmp_path: Path) -> None:
    for mailbox in range(40):
        leave(tmp_path, AT, message=f"m{mailbox}", mailbox=str(mailbox))
    before = marks(tmp_path)
    assert len(before) == 40
    leave(tmp_path, AT, message="new", mailbox="7")
    after = marks(tmp_path)
    assert {box for box in after if after[box] != before[box]} == {("7", "default")}
    (tmp_path / "device").mkdir()
    (tmp_path / "device/7").symlink_to(tmp_path / "default/7")
    assert marks(tmp_path) == after, "a device's mailbox is its user's"
    with pytest.raises(FileNotFoundError):
        marks(tmp_path / "nowhere")


def test_moving_closes_the_gap_and_goes_to_the_end(tmp_path: Path) -> None:
    for number in range(4):
        leave(tmp_path, AT + timedelta(minutes=number), "wav", "gsm", message=f"m{number}")
    leave(tmp_path, AT, "wav", message="old", folder="Old")
    sizes = {each.name: each.stat().st_size for each in (tmp_path / "default/101/INBOX").iterdir()}
    move(tmp_path, BOX, "m1", "INBOX", "Old")
    assert texts(tmp_path, "INBOX") == {"msg0000.txt": "m0", "msg0001.txt": "m2", "msg0002.txt": "m3"}
    assert texts(tmp_path, "Old") == {"msg0000.txt": "old", "msg0001.txt": "m1"}
    moved = {each.name: each.stat().st_size for each in (tmp_path / "default/101/Old").iterdir() if each.name.startswith("msg0001")}
    assert moved == {name: sizes[name] for name in ("msg0001.txt", "msg0001.wav", "msg0001.gsm")}
    assert not list(tmp_path.rglob(".lock*"))
    move(tmp_path, BOX, "m1", "Old", "INBOX")
    assert texts(tmp_path, "INBOX")["msg0003.txt"] == "m1"
    with pytest.raises(NotMovedError, match="no longer in Old"):
        move(tmp_path, BOX, "m1", "Old", "INBOX")


def test_who_holds_the_lock_is_waited_for_and_not_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leave(tmp_path, AT, message="a")
    inbox, entered, leaves = tmp_path / "default/101/INBOX", threading.Event(), threading.Event()

    def hold() -> None:
        with locked(inbox):
            entered.set()
            leaves.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    assert entered.wait(10)
    monkeypatch.setattr(room, "_LOCK_PATIENCE", 0.05)
    with pytest.raises(NotMovedError, match="held by another"):
        move(tmp_path, BOX, "a", "INBOX", "Old")
    assert texts(tmp_path, "INBOX") == {"msg0000.txt": "a"}
    monkeypatch.setattr(room, "_LOCK_PATIENCE", 10)
    mover = threading.Thread(target=move, args=(tmp_path, BOX, "a", "INBOX", "Old"))
    mover.start()
    while not list(inbox.glob(".lock-*")):
        time.sleep(0.001)
    assert texts(tmp_path, "INBOX") == {"msg0000.txt": "a"}
    leaves.set()
    mover.join(10)
    holder.join(10)
    assert texts(tmp_path, "Old") == {"msg0000.txt": "a"}


def test_no_folder_is_made_that_asterisk_could_not_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a user other than Asterisk's: without an access control list nothing is moved, with one for Asterisk's user it is."""
    leave(tmp_path, AT, message="a")
    inbox = tmp_path / "default/101/INBOX"
    owner = inbox.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(NotMovedError, match="first listened to"):
        move(tmp_path, BOX, "a", "INBOX", "Old")
    assert not (tmp_path / "default/101/Old").exists()
    entries = [(0x01, 7, 2**32 - 1), (0x02, 7, owner), (0x04, 5, 2**32 - 1), (0x10, 7, 2**32 - 1), (0x20, 5, 2**32 - 1)]
    acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *each) for each in entries)
    os.setxattr(tmp_path / "default/101", "system.posix_acl_default", acl)
    os.setxattr(inbox, "system.posix_acl_access", acl)  # its group bits are the mask's now, as in a spool given by setfacl -R
    move(tmp_path, BOX, "a", "INBOX", "Old")
    assert texts(tmp_path, "Old") == {"msg0000.txt": "a"}


def test_root_gives_the_folder_to_whom_the_others_belong(tmp_path: Path) -> None:
    leave(tmp_path, AT, message="a")
    inbox = tmp_path / "default/101/INBOX"
    if os.geteuid() == 0:
        os.chown(inbox, 12345, 12346)
    move(tmp_path, BOX, "a", "INBOX", "Old")
    here, there = (tmp_path / "default/101/Old").stat(), inbox.stat()
    assert (here.st_uid, here.st_gid, here.st_mode) == (there.st_uid, there.st_gid, there.st_mode)
