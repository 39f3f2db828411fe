"""Machines that are not as the samples are: what setup makes of their files, what it refuses, and what undoing leaves of them.

What Asterisk makes of such files was seen on 16.28 and 22.10: several sections [general], names in capitals, an #include of nothing, no
ari.conf, TLS alone.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ari_app.errors import SetupError
from ari_app.setup import asterisk, files, wiring
from ari_app.setup.changes import AddBlock, WriteFile
from ari_app.setup.conf import load
from ari_app.setup.journal import Journal
from ari_app.setup.steps import Step, run
from tests.setup.test_asterisk import ACCESS, done
from tests.setup.trees import etc, plain, tree

SAME = "[general]\nenabled = yes\nbindaddr = 127.0.0.1\n"


def refused(root: Path) -> SetupError:
    """What setup says of this machine, before anything is changed."""
    before = tree(root)
    with pytest.raises(SetupError) as error:
        wiring.steps(asterisk.find(root), ACCESS)
    assert tree(root) == before
    assert error.value.fix
    return error.value


def undone(journal: Path) -> dict[str, str]:
    """Why something was kept, by what it is."""
    with Journal(journal) as book:
        return {one.what: one.kept for one in book.undo() if one.kept}


def test_the_first_of_several_sections_counts_and_templates_are_inherited(tmp_path: Path) -> None:
    (tmp_path / "http.conf").write_text(
        "[Base](!)\nenabled = yes\nprefix = x\n[General](base)\nbindport = 1\n[general]\nbindport = 2\n[general](+)\nprefix = y\n", "utf-8"
    )
    conf = load(tmp_path / "http.conf", tmp_path)
    assert conf.all("general") == [("enabled", "yes"), ("prefix", "x"), ("bindport", "1"), ("prefix", "y")]
    assert len(conf.doubled("GENERAL")) == 2


def test_an_http_server_switched_on_by_a_template_is_left_alone(tmp_path: Path) -> None:
    root = plain(tmp_path / "m", http="[lan](!)\nenabled = yes\nbindaddr = 192.168.1.9\n[general](lan)\nprefix = pbx\n")
    found = asterisk.find(root)
    assert wiring.address(found) == "http://192.168.1.9:8088/pbx"
    assert not [step for step in wiring.steps(found, ACCESS) if "http.conf" in step.title]


@pytest.mark.parametrize("name", ["http", "ari", "manager"])
def test_several_sections_general_are_not_written_under(tmp_path: Path, name: str) -> None:
    """A section that adds to the first is none of them."""
    root = plain(tmp_path / "m", **{name: "[general]\nenabled = no\n[general]\nenabled = no\n"})
    error = refused(root)
    assert (error.code, f"{name}.conf" in error.what) == ("setup_sections", True)
    (etc(root) / f"{name}.conf").write_text("[general]\nenabled = no\n[general](+)\nport = 5038\n", "utf-8")
    assert wiring.steps(asterisk.find(root), ACCESS)


@pytest.mark.parametrize(("name", "user"), [("manager", "TextBack"), ("ari", "Textback")])
def test_a_user_made_by_hand_is_one_in_capitals_too(tmp_path: Path, name: str, user: str) -> None:
    root = plain(tmp_path / "m", **{name: f"[general]\nenabled = yes\n[{user}]\nsecret = x\n"})
    error = refused(root)
    assert (error.code, f"{name}.conf" in error.what) == ("setup_user_exists", True)


def test_a_user_in_a_folder_that_is_included_is_found(tmp_path: Path) -> None:
    root = plain(tmp_path / "m", manager='[general]\nenabled = no\n#include "manager.d/*.conf"\n')
    (etc(root) / "manager.d").mkdir()
    assert wiring.steps(asterisk.find(root), ACCESS)
    (etc(root) / "manager.d/mine.conf").write_text("[textback]\nsecret = x\n", "utf-8")
    assert "manager.d/mine.conf" in refused(root).what


def test_an_asterisk_without_ari_conf_has_no_ari_to_read_anew(tmp_path: Path) -> None:
    root = plain(tmp_path / "m")
    (etc(root) / "ari.conf").unlink()
    assert refused(root).code == "setup_no_ari"


def test_http_and_manager_conf_may_be_missing(tmp_path: Path) -> None:
    root = plain(tmp_path / "m")
    for name in ("http.conf", "manager.conf"):
        (etc(root) / name).unlink()
    before = tree(etc(root))
    done(wiring.steps(asterisk.find(root), ACCESS), tmp_path / "setup.json")
    now = asterisk.find(root).now
    assert (now.http.enabled, now.ami.enabled, now.ami_users) == (True, True, ("textback",))
    assert undone(tmp_path / "setup.json") == {}
    assert tree(etc(root)) == before


def test_tls_that_stands_is_not_moved(tmp_path: Path) -> None:
    """HTTPS alone needs its own tlsbindaddr: it stays where it is, and HTTP comes beside it, on loopback."""
    root = plain(tmp_path / "m", http="[general]\ntlsenable = yes\ntlsbindaddr = 0.0.0.0:8443\n")
    done(wiring.steps(asterisk.find(root), ACCESS), tmp_path / "setup.json")
    http = asterisk.find(root).now.http
    assert (http.enabled, http.host, http.tls_port) == (True, "127.0.0.1", 8443)
    assert load(etc(root) / "http.conf", etc(root)).get("general", "tlsbindaddr") == "0.0.0.0:8443"


def test_line_ends_of_windows_a_folder_elsewhere_and_files_that_are_asterisks_stay_as_they_are(tmp_path: Path) -> None:
    root = plain(tmp_path / "m", manager="[general]\r\nenabled = no ; enabled = yes\r\n", ari="[general]\r\nenabled = yes\r\n")
    elsewhere = tmp_path / "srv"
    etc(root).rename(elsewhere)
    etc(root).symlink_to(elsewhere)
    (elsewhere / "ari.conf").chmod(0o640)
    (elsewhere / "manager.conf").chmod(0o440)
    if os.geteuid() == 0:
        os.chown(elsewhere / "ari.conf", 65534, 65534)
    before = tree(elsewhere)
    done(wiring.steps(asterisk.find(root), ACCESS), tmp_path / "setup.json")
    assert asterisk.find(root).now.ami.enabled
    now = tree(elsewhere)
    assert [now[name][1:] for name in before] == [held[1:] for held in before.values()]
    assert (elsewhere / "manager.conf").read_bytes().startswith(before["manager.conf"][0])
    assert undone(tmp_path / "setup.json") == {}
    assert tree(elsewhere) == before
    assert etc(root).is_symlink()


@pytest.mark.parametrize(
    "how", [lambda text: text.replace(b"\n", b"\r\n"), lambda text: text.replace(b"#tryinclude", b"; mine\n#tryinclude")]
)
def test_a_block_that_somebody_changed_is_kept_and_told_and_stops_no_asterisk(tmp_path: Path, how: object) -> None:
    """What it names is gone then: an #include of that would stop the whole file."""
    assert callable(how)
    root = plain(tmp_path / "m", ari=SAME)
    done(wiring.steps(asterisk.find(root), ACCESS), tmp_path / "setup.json")
    ari = etc(root) / "ari.conf"
    ari.write_bytes(how(ari.read_bytes()))
    assert undone(tmp_path / "setup.json") == {f"lines of textback in {ari}": "somebody changed them since"}
    assert not (etc(root) / "textback_ari.conf").exists()
    assert load(ari, etc(root)).missing == ()
    assert asterisk.find(root).now.ari_enabled


def test_files_that_a_newer_package_put_in_place_are_left_alone(tmp_path: Path) -> None:
    root = plain(tmp_path / "m")
    done(wiring.steps(asterisk.find(root), ACCESS), tmp_path / "setup.json")
    for name in ("http", "ari", "manager"):
        (etc(root) / f"{name}.conf").write_text("; of the new version\n[general]\n", "utf-8")
    assert undone(tmp_path / "setup.json") == {}
    assert {each.name for each in etc(root).glob("textback*")} == set()
    assert (etc(root) / "ari.conf").read_text("utf-8").startswith("; of the new version")


def test_a_user_name_that_is_no_utf_8_stops_nothing(tmp_path: Path) -> None:
    root = plain(tmp_path / "m")
    (root / "etc/default").mkdir()
    (root / "etc/default/asterisk").write_bytes(b'# pr\xe9nom\nAST_GROUP="pbx"\n')
    (root / "etc/passwd").write_bytes(b"textback:x:990:990:\xe9t\xe9:/:/bin/false\n")
    (root / "etc/group").write_bytes(b"pbx:x:991:\n")
    found = asterisk.find(root)
    assert (found.group, wiring.group_step(found).needed()) == ("pbx", True)


def test_a_setup_that_ran_while_another_asked_is_not_forgotten(tmp_path: Path) -> None:
    """Where the folder of the lock is not there yet: both begin, one goes first."""
    path = tmp_path / "etc/textback/setup.json"
    with Journal(path) as late:
        with Journal(path) as early:
            early.write_file(tmp_path / "a", b"a")
        with pytest.raises(SetupError) as error:
            late.write_file(tmp_path / "b", b"b")
    assert error.value.code == "setup_busy"
    assert not (tmp_path / "b").exists()
    with Journal(path) as book:
        assert book.held() == (str(tmp_path / "a"), f"{path.parent}/")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """256 KiB, all of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(place)], capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a disk")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_a_disk_that_fills_up_loses_nothing_of_theirs(small_disk: Path) -> None:
    """At whatever step: all is taken out, at once or once there is room."""
    (small_disk / "etc").mkdir()
    theirs = small_disk / "etc/theirs.conf"
    theirs.write_bytes(b"[general]\n")
    journal = small_disk / "textback/setup.json"
    steps: list[Step] = [
        WriteFile("writes one", small_disk / "etc/one.conf", lambda: b"x" * 20_000),
        AddBlock("adds to theirs", theirs, "#tryinclude one.conf"),
        WriteFile("writes over one", small_disk / "etc/two.conf", lambda: b"y" * 20_000),
    ]
    ended = set()
    for left in range(0, 100_000, 4096):
        full = small_disk / "full"
        room = os.statvfs(small_disk)
        full.write_bytes(b"0" * (room.f_bavail * room.f_frsize - left))
        try:
            with Journal(journal) as book:
                run(steps, book, say=str)
            ended.add("done")
        except SetupError as error:
            ended.add(f"{error.code}: {'No space left' in error.what}")
        full.unlink()
        with Journal(journal) as book:
            assert [one.kept for one in book.undo() if one.kept] == []
        assert {str(each.relative_to(small_disk)) for each in small_disk.rglob("*")} == {"etc", "etc/theirs.conf"}, left
        assert theirs.read_bytes() == b"[general]\n"
    assert ended == {"done", "setup_file: True"}


def test_the_name_beside_a_file_leads_nowhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On FreePBX the folder is Asterisk's to write: mode and times go to what was opened, not to what has its name by then."""
    ours, theirs, other = tmp_path / "a.conf", tmp_path / ".a.conf.textback", tmp_path / "shadow"
    ours.write_bytes(b"old")
    ours.chmod(0o666)
    other.write_bytes(b"secret")
    other.chmod(0o600)

    def swap(handle: int, uid: int, gid: int) -> None:
        theirs.unlink(missing_ok=True)
        theirs.symlink_to(other)
        real(handle, uid, gid)

    real = os.fchown
    monkeypatch.setattr(os, "fchown", swap)
    files.write(ours, b"new")
    assert (other.read_bytes(), other.stat().st_mode & 0o777) == (b"secret", 0o600)
