"""Asterisk as setup finds it and what it proposes, on the files of plain Asterisk and of FreePBX. The real Asterisk: tests/lab."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Sequence
from pathlib import Path

import pytest

from ari_app.errors import SetupError
from ari_app.setup import asterisk, wiring
from ari_app.setup.access import Access, network, secret_steps
from ari_app.setup.asterisk import CHANNELVARS
from ari_app.setup.conf import load, truth
from ari_app.setup.files import Owner
from ari_app.setup.journal import BEGIN, END, Journal
from ari_app.setup.steps import Step, run
from tests.lab.rootfs import cache
from tests.setup.trees import etc, freepbx, machine, plain, tree

MAIN = """; a comment
[general] ; another
Enabled = yes ; not this
pass = a\\;b
;-- a long
enabled = no
--; late = 1
;--- a rule
#include "d/*.conf"
#include gone.conf
#tryinclude gone-too.conf
#exec /bin/false
[general](+)
enabled = maybe
[u](tpl)
secret = x"""
ACCESS = Access(ari_password="ari-secret-of-this-test", ami_secret="ami-secret-of-this-test")


def done(steps: Sequence[Step], journal: Path) -> list[str]:
    """All but the last step, which speaks to a running Asterisk: the titles."""
    said: list[str] = []
    with Journal(journal) as book:
        run(steps[:-1], book, say=said.append)
    assert not any(secret in title for title in said for secret in (ACCESS.ari_password, ACCESS.ami_secret))
    return said


@pytest.fixture
def port() -> int:
    """One that nobody listens at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def test_a_file_is_read_as_asterisk_reads_it(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d/b.conf").write_text("[b]\nx=2\n", "utf-8")
    (tmp_path / "d/a.conf").write_text("y => 1\n[tpl](!)\nz=1\n", "utf-8")
    (tmp_path / "main.conf").write_text(MAIN, "utf-8")
    conf = load(tmp_path / "main.conf", tmp_path)
    assert conf.get("general", "ENABLED") == "maybe"
    assert conf.all("general") == [("enabled", "yes"), ("pass", "a;b"), ("late", "1"), ("y", "1"), ("enabled", "maybe")]
    assert conf.names() == ("b", "u")
    assert [each.name for each in conf.files] == ["main.conf", "a.conf", "b.conf"]
    assert conf.missing == (tmp_path / "gone.conf",)
    assert conf.open_comment == ()
    assert [truth(each, default=False) for each in ("yes", "On", "1", "no", None)] == [True, True, True, False, False]
    (tmp_path / "open.conf").write_text("[a]\n;-- never closed\n", "utf-8")
    assert load(tmp_path / "open.conf", tmp_path).open_comment == (tmp_path / "open.conf",)
    (tmp_path / "loop.conf").write_text("#include loop.conf\n", "utf-8")
    assert len(load(tmp_path / "loop.conf", tmp_path).files) <= 11


def test_who_is_there(tmp_path: Path) -> None:
    found = asterisk.find(plain(tmp_path / "plain"))
    assert (found.version, found.flavour, found.running, found.config) == ("22.10.1", "plain", False, tmp_path / "plain/etc/asterisk")
    assert (found.now.http.enabled, found.now.ari_enabled, found.now.ami.enabled, found.unanswered) == (False, True, False, False)
    assert found.sentence().startswith("Asterisk 22.10.1, not running")
    found = asterisk.find(freepbx(tmp_path / "free", http=True))
    assert (found.version, found.flavour, found.unanswered) == ("16.30.0", "freepbx", True)
    assert (found.now.http.url, found.now.ari_users, found.now.ami_users) == ("http://127.0.0.1:8088", ("freepbxuser",), ("admin", "cti"))
    assert found.now.channelvars == ("FROM_DID",)
    other = plain(
        tmp_path / "other", http="[general]\nenabled=1\nbindaddr=::1\nbindport=9000\nprefix=pbx/\ntlsenable=yes\ntlsbindaddr=[::]:9001\n"
    )
    assert (asterisk.find(other).now.http.url, asterisk.find(other).now.http.tls_port) == ("http://[::1]:9000/pbx", 9001)


def test_who_is_not_there(tmp_path: Path) -> None:
    for root, code in (
        (tmp_path / "none", "setup_no_asterisk"),
        (machine(tmp_path / "old", {}, version="13.38.3"), "setup_asterisk_old"),
        (machine(tmp_path / "certified", {}, version="certified/16.2-cert1"), "setup_asterisk_old"),
    ):
        with pytest.raises(SetupError) as error:
            asterisk.find(root)
        assert error.value.code == code
        assert error.value.fix
    shutil.rmtree(etc(machine(tmp_path / "bare", {})))
    with pytest.raises(SetupError) as error:
        asterisk.find(tmp_path / "bare")
    assert error.value.code == "setup_no_config"


def test_plain_asterisk_gets_two_users_and_loopback_and_undo_leaves_every_byte(tmp_path: Path, port: int) -> None:
    root = plain(
        tmp_path / "m", http=f"[general]\nenabled=no\nbindaddr=0.0.0.0\nbindport={port}\n", ari="[general]\nchannelvars = A, VMSTATUS"
    )
    before, journal = tree(etc(root)), tmp_path / "setup.json"
    found = asterisk.find(root)
    done(wiring.steps(found, ACCESS, wiring.Dialplan(phones="phones", agi="127.0.0.1:4599")), journal)
    after = asterisk.find(root)
    assert after.now.http.url == f"http://127.0.0.1:{port}" == wiring.address(found) == wiring.address(after)
    assert load(etc(root) / "http.conf", etc(root)).get("general", "bindaddr") == "127.0.0.1"
    assert after.now.channelvars == ("A", "VMSTATUS", "CALLERID(num-pres)", "TEXTBACK_OPTION")
    assert after.others == found.now
    assert (after.now.ari_users, after.now.ami_users) == (("textback",), ("textback",))
    assert load(etc(root) / "manager.conf", etc(root)).get("general", "bindaddr") == "127.0.0.1"
    ami = dict(after.conf("manager.conf").all("textback"))
    assert ami == {
        "secret": ACCESS.ami_secret, "deny": "0.0.0.0/0.0.0.0", "permit": "127.0.0.1/255.255.255.255",
        "read": "call", "write": "system,call,user",
    }  # fmt: skip
    assert after.conf("ari.conf").get("textback", "read_only") == "no"
    assert "phones" in (etc(root) / "extensions.conf").read_text("utf-8").partition(BEGIN.decode())[2]
    assert b"agi://127.0.0.1:4599/inbox" in (etc(root) / "textback_extensions.conf").read_bytes()
    changed = tree(etc(root))
    for name, (content, mode, *_) in changed.items():
        if name in before:  # theirs: only a block at the end is new
            head, _, tail = content.partition(BEGIN)
            assert head.removesuffix(b"\n") in (before[name][0], before[name][0].removesuffix(b"\n"))
            assert not tail or tail.endswith(END)
        else:
            assert mode == 0o640
    again = wiring.steps(after, ACCESS, wiring.Dialplan(phones="phones", agi="127.0.0.1:4599"))
    assert [step.title for step in again[1:-1] if step.needed()] == []
    done(again, journal)
    assert tree(etc(root)) == changed
    with Journal(journal) as book:
        assert not any(one.kept for one in book.undo())
    assert tree(etc(root)) == before


def test_an_asterisk_that_is_not_running_stops_the_run_and_nothing_is_left(tmp_path: Path) -> None:
    root = plain(tmp_path / "m")
    before, found = tree(etc(root)), asterisk.find(root)
    with Journal(tmp_path / "setup.json") as book, pytest.raises(SetupError) as error:
        run(wiring.steps(found, ACCESS), book, say=str)
    assert error.value.code == "setup_asterisk_down"
    assert tree(etc(root)) == before
    assert not (tmp_path / "setup.json").exists()


@pytest.mark.parametrize("http", [True, False])
@pytest.mark.parametrize("fwconsole", [True, False])
def test_freepbx_keeps_every_file_it_writes_itself(tmp_path: Path, *, http: bool, fwconsole: bool) -> None:
    root = freepbx(tmp_path / "m", http=http, fwconsole=fwconsole)
    before, journal = tree(etc(root)), tmp_path / "setup.json"
    found = asterisk.find(root)
    said = done(wiring.steps(found, ACCESS, wiring.Dialplan()), journal)
    after = asterisk.find(root)
    changed = {name for name, seen in tree(etc(root)).items() if before.get(name) != seen}
    generated = {"http_additional.conf"} if fwconsole and not http else set()
    custom = {"http_custom.conf"} if not fwconsole and not http else set()
    assert changed == {
        "ari_general_custom.conf", "ari_additional_custom.conf", "manager_custom.conf", "extensions_custom.conf", *generated, *custom,
        "textback_ari.conf", "textback_manager.conf", "textback_extensions.conf",
    }  # fmt: skip
    assert any("HTTPENABLED" in title for title in said) == (fwconsole and not http)
    assert after.now.http.enabled
    assert after.now.ari_users == ("freepbxuser", "textback")
    assert after.now.ami_users == ("admin", "cti", "textback")
    assert after.now.channelvars == ("FROM_DID", *CHANNELVARS)
    assert [value for key, value in after.conf("extensions.conf").all("from-internal-custom") if key == "include"] == [
        "textback-inbox", "textback-decline",
    ]  # fmt: skip
    assert [step.title for step in wiring.steps(after, ACCESS, wiring.Dialplan())[1:-1] if step.needed()] == []
    # FreePBX writes its files anew, with whatever else was changed in its pages: ours are still read
    (etc(root) / "ari_additional.conf").write_text("[freepbxuser]\ntype=user\n[another]\ntype=user\n", "utf-8")
    assert asterisk.find(root).now.ari_users == ("freepbxuser", "another", "textback")
    (etc(root) / "ari_additional.conf").write_bytes(before["ari_additional.conf"][0])
    with Journal(journal) as book:
        assert not any(one.kept for one in book.undo())
    assert tree(etc(root)) == before


def test_a_custom_file_that_is_not_there_yet_and_one_that_began_another_section(tmp_path: Path) -> None:
    root = freepbx(tmp_path / "m", http=True)
    (etc(root) / "ari_additional_custom.conf").unlink(missing_ok=True)
    (etc(root) / "ari_general_custom.conf").write_text("pretty=yes\n[mine]\ntype=user\n", "utf-8")
    before, found = tree(etc(root)), asterisk.find(root)
    done(wiring.steps(found, ACCESS), tmp_path / "setup.json")
    after = asterisk.find(root)
    assert after.now.channelvars == CHANNELVARS
    assert after.now.ari_users == ("mine", "freepbxuser", "textback")
    with Journal(tmp_path / "setup.json") as book:
        book.undo()
    assert tree(etc(root)) == before


def test_what_cannot_be_done_is_said_before_anything_is_changed(tmp_path: Path) -> None:
    def refused(root: Path, dialplan: wiring.Dialplan | None = None) -> str:
        before = tree(etc(root))
        with pytest.raises(SetupError) as error:
            wiring.steps(asterisk.find(root), ACCESS, dialplan)
        assert tree(etc(root)) == before
        assert error.value.fix
        return error.value.code

    assert refused(plain(tmp_path / "a", ari="[general]\n[textback]\ntype=user\n")) == "setup_user_exists"
    assert refused(plain(tmp_path / "b", manager="[general]\n;-- open\n")) == "setup_comment"
    assert refused(plain(tmp_path / "c", http="; Do NOT edit this file: written by another program\n[general]\n")) == "setup_generated"
    assert refused(plain(tmp_path / "d"), wiring.Dialplan(phones="nowhere")) == "setup_context"
    root = freepbx(tmp_path / "e", http=True)
    (etc(root) / "manager.conf").write_text("[general]\nenabled=yes\n", "utf-8")
    assert refused(root) == "setup_includes"


def test_secrets_are_fresh_once_kept_and_never_shown(tmp_path: Path) -> None:
    first = Access.kept(tmp_path, permit=["192.168.1.9", "10.0.0.0/8"])
    assert first.permit == ("192.168.1.9/255.255.255.255", "10.0.0.0/255.0.0.0")
    assert len({first.ari_password, first.ami_secret}) == 2
    assert len(first.ari_password) == 48
    assert first.ari_password not in repr(first)
    steps = secret_steps(tmp_path, first, Owner())
    assert not any(first.ari_password in repr(step) or first.ami_secret in repr(step) for step in steps)
    with Journal(tmp_path / "setup.json") as book:
        run(steps, book, say=str)
    assert (tmp_path / "ari-password").stat().st_mode & 0o777 == 0o640
    assert Access.kept(tmp_path, permit=["192.168.1.9", "10.0.0.0/8"]) == first
    with pytest.raises(SetupError, match="is no address"):
        network("localhost")
    for name in ("", "a]b", "x\nsecret = y", "general"):
        with pytest.raises(SetupError) as error:
            Access.kept(tmp_path, ami_user=name)
        assert error.value.code == "setup_user_name"


def test_an_ami_on_the_lan_lets_its_own_machine_in_and_a_port_that_is_taken_is_not_taken_again(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = int(taken.getsockname()[1])
        root = plain(
            tmp_path / "m",
            http=f"[general]\nenabled=no\nbindport={port}\n",
            manager="[general]\nenabled=yes\nbindaddr=192.168.77.1\n",
        )
        found = asterisk.find(root)
    assert found.open_port not in (0, port)
    assert wiring.address(found) == f"http://127.0.0.1:{found.open_port}"
    done(wiring.steps(found, ACCESS), tmp_path / "setup.json")
    after = asterisk.find(root)
    assert after.now.http.port == found.open_port
    permits = [value for key, value in after.conf("manager.conf").all("textback") if key == "permit"]
    assert permits == ["127.0.0.1/255.255.255.255", "192.168.77.1/255.255.255.255"]
    assert after.conf("manager.conf").get("general", "bindaddr") == "192.168.77.1"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes members of a group")
def test_the_service_may_read_voicemail_and_no_longer_after_undo(tmp_path: Path) -> None:
    root = plain(tmp_path / "m", asterisk="[options]\nrunuser=asterisk\nrungroup=asterisk\n")
    for name, text in {
        "passwd": "root:x:0:0::/:/bin/sh\ntextback:x:901:901::/:/bin/false\n", "group": "root:x:0:\nasterisk:x:902:\ntextback:x:901:\n",
        "shadow": "root:*:1::::::\ntextback:*:1::::::\n", "gshadow": "root:*::\nasterisk:!::\ntextback:!::\n",
    }.items():  # fmt: skip
        (root / "etc" / name).write_text(text, "utf-8")
    found = asterisk.find(root)
    assert (found.user, found.group) == ("asterisk", "asterisk")
    before, step = (root / "etc/group").read_text("utf-8"), wiring.group_step(found)
    with Journal(tmp_path / "setup.json") as book:
        assert run([step], book, say=str) == 1
        assert "asterisk:x:902:textback" in (root / "etc/group").read_text("utf-8")
        assert not step.needed()
        assert not wiring.group_step(found, "nobody-of-that-name").needed()
        assert [one.kept for one in book.undo()] == [""]
    assert (root / "etc/group").read_text("utf-8") == before


@pytest.mark.lab
@pytest.mark.parametrize("line", ["22", "16"])
def test_the_files_debian_ships(tmp_path: Path, line: str) -> None:
    shipped = cache() / f"rootfs-{line}/etc/asterisk"
    if not shipped.is_dir():
        pytest.skip(f"no root file system of Asterisk {line} here: scripts/lab up makes it")
    root = machine(tmp_path / "m", {}, version=f"{line}.9.0")
    shutil.copytree(shipped, etc(root), dirs_exist_ok=True)
    before, found = tree(etc(root)), asterisk.find(root)
    assert (found.flavour, found.now.http.enabled, found.now.ami.enabled, found.now.ami.host) == ("plain", False, True, "127.0.0.1")
    done(wiring.steps(found, ACCESS, wiring.Dialplan()), tmp_path / "setup.json")
    assert asterisk.find(root).now.http.enabled
    with Journal(tmp_path / "setup.json") as book:
        assert not any(one.kept for one in book.undo())
    assert tree(etc(root)) == before
