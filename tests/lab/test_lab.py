"""The lab keeps its promises: several at once, nothing left behind, clear words where it cannot."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab import rootfs, state
from tests.lab.cli import parse_phones
from tests.lab.lab import Lab, sweep, take_down
from tests.lab.root import LabError
from tests.lab.scripts import Caller, Phone
from tests.lab.sipp import DESK, free_port

_CHECKOUT = Path(__file__).resolve().parents[2]


def _left_of(folder: Path) -> list[str]:
    """Processes and mounts that still have to do with a lab's folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            mounts = (entry / "mountinfo").read_text(encoding="utf-8", errors="replace")
            cwd = str((entry / "cwd").readlink())
        except OSError:
            continue
        if str(folder) in mounts or cwd.startswith(str(folder)):
            found.append(f"{entry.name}: {(entry / 'cmdline').read_bytes()!r}")
    return found


def _run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.lab", *arguments]
    return subprocess.run(command, cwd=_CHECKOUT, capture_output=True, text=True, check=False, env={**os.environ, **environment})


@pytest.mark.lab
async def test_two_labs_share_one_root_file_system_and_leave_nothing() -> None:
    name = f"pair-{os.getpid()}"
    first = await Lab.up("22", f"{name}-a")
    try:
        second = await Lab.up(first.record.line, f"{name}-b")
        try:
            assert first.record.ports.first != second.record.ports.first
            async with second.phones({"101": Phone("answer", after=0.2)}), second.trunk_call(Caller("4385550123", "5145550105")) as call:
                await second.listener.wait(lambda event: event if event["type"] == "ChannelEnteredBridge" else None, "the caller joined")
                await call.hang_up()
                await call.over()
            assert not [event for event in first.listener.heard if "channel" in event]
            assert _left_of(first.record.folder)
        finally:
            await second.down()
    finally:
        await first.down()
    assert _left_of(first.record.folder) == []
    assert _left_of(second.record.folder) == []


@pytest.mark.lab
def test_a_lab_that_stays_and_its_call() -> None:
    """What scripts/lab does: up, status, call, down."""
    name = f"kept-{os.getpid()}"
    try:
        up = _run("up", "22", "--name", name)
        assert up.returncode == 0, up.stderr
        folder = state.read(name).folder
        assert str(folder / "textback.toml") in up.stdout
        again = _run("up", "22", "--name", name)
        assert (again.returncode, "is up already" in again.stderr) == (1, True)
        call = _run("call", "5145550105", "--name", name, "--phones", "101=answer:0.2", "--talk", "0.3")
        assert call.returncode == 0, call.stderr
        assert "101 rings" in call.stdout
        assert "101 answers" in call.stdout
        assert name in _run("status").stdout
    finally:
        down = _run("down", "--name", name)
    assert down.returncode == 0, down.stderr
    assert _left_of(folder) == []
    assert name not in [record.name for record in state.records()]


@pytest.mark.lab
def test_a_lab_whose_owner_was_killed_is_taken_down_by_the_next() -> None:
    name = f"orphan-{os.getpid()}"
    code = f"""
import asyncio
from tests.lab.lab import Lab
from tests.lab.scripts import Phone
async def main():
    lab = await Lab.up("22", {name!r})
    async with lab.phones({{"101": Phone("ring")}}):
        print("up", flush=True)
        await asyncio.sleep(600)
asyncio.run(main())
"""
    with subprocess.Popen([sys.executable, "-c", code], cwd=_CHECKOUT, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline().strip() == "up"
        folder = state.read(name).folder
        owner.send_signal(signal.SIGKILL)
    assert any(b"sipp" in line.encode() for line in _left_of(folder))
    sweep()
    assert _left_of(folder) == []
    assert not (folder / "lab.json").exists()


@pytest.mark.lab
async def test_asterisk_killed_and_started_again_under_the_lab() -> None:
    lab = await Lab.up("22", f"again-{os.getpid()}")
    try:
        before = lab.asterisk_pid
        await lab.restart_asterisk(kill=True)
        assert lab.asterisk_pid != before
        assert "PJSIP" in await lab.ami.command("core show channeltypes")
    finally:
        await lab.down()


def test_a_recorded_process_counts_only_while_it_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pid given out again by the kernel is not ours: it is neither shown as running nor killed."""
    monkeypatch.setenv("TEXTBACK_LAB_STATE", str(tmp_path / "state"))
    record = state.claim("stale", "22", owned=False)
    with subprocess.Popen(["sleep", "60"]) as stranger:
        other = state.process("asterisk", stranger.pid)
        record.processes = [state.Process("asterisk", stranger.pid, other.started - 1)]
        state.write(record)
        take_down(state.read("stale"))
        assert stranger.poll() is None
        stranger.kill()
    assert state.records() == []


def test_names_and_ports_are_never_given_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXTBACK_LAB_STATE", str(tmp_path / "state"))
    first = state.claim("one", "22", owned=False)
    second = state.claim("two", "22", owned=False)
    assert first.first_port != second.first_port
    with pytest.raises(LabError, match="up already"):
        state.claim("one", "22", owned=False)
    with pytest.raises(LabError, match="no name for a lab"):
        state.claim("../three", "22", owned=False)


def _stand_in(folder: Path, behaviour: str) -> None:
    """A debootstrap for what cannot be had on demand: a mirror that fails."""
    folder.mkdir()
    program = folder / "debootstrap"
    program.write_text(f"#!/bin/sh\nfor target; do :; done\nsuite=$3\n{behaviour}\n", encoding="utf-8")
    program.chmod(0o755)


_MADE = """
mkdir -p "$target/usr/sbin" "$target/etc" "$target/usr/lib/asterisk/modules"
touch "$target/usr/sbin/asterisk" "$target/usr/lib/asterisk/modules/app_dial.so"
echo "asterisk:x:101:102:Asterisk:/var/lib/asterisk:/usr/sbin/nologin" >"$target/etc/passwd"
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="makes a root file system as root")
def test_where_sid_cannot_be_had_bullseye_is_taken_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXTBACK_LAB_CACHE", str(tmp_path / "cache"))
    _stand_in(tmp_path / "bin", f'if [ "$suite" = sid ]; then echo "E: asterisk has unmet dependencies"; exit 1; fi\n{_MADE}')
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    said: list[str] = []
    found = rootfs.prepare("22", said.append)
    assert (found.line, found.path.name, found.uid, found.gid) == ("16", "rootfs-16", 101, 102)
    assert any("cannot be had" in line and "unmet dependencies" in line for line in said)


@pytest.mark.skipif(os.geteuid() != 0, reason="makes a root file system as root")
def test_a_half_made_root_file_system_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXTBACK_LAB_CACHE", str(tmp_path / "cache"))
    _stand_in(tmp_path / "bin", f'echo made >>"{tmp_path}/count"\n{_MADE}\n[ -e "{tmp_path}/second" ] || exit 1')
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    with pytest.raises(LabError, match="debootstrap of bullseye failed"):
        rootfs.prepare("16", lambda _: None)
    assert not (tmp_path / "cache/rootfs-16").exists()
    (tmp_path / "second").touch()
    assert rootfs.prepare("16", lambda _: None).line == "16"
    assert rootfs.prepare("16", lambda _: None).line == "16"
    assert (tmp_path / "count").read_text(encoding="utf-8").count("made") == 2


def test_an_unknown_line_is_refused() -> None:
    with pytest.raises(LabError, match="choose one of 22, 16"):
        rootfs.prepare("13", lambda _: None)


def test_phones_as_written_on_the_command_line() -> None:
    assert parse_phones("101=answer:3:10,102=busy, 103=ring") == {
        "101": Phone("answer", after=3, talk=10), "102": Phone("busy"), "103": Phone("ring")
    }  # fmt: skip
    assert parse_phones("") == {}
    for wrong, word in (("101=sleep", "is no phone"), ("101", "is no phone"), ("102=busy:3", "only answer")):
        done = _run("call", "5145550105", "--phones", wrong)
        assert done.returncode == 2
        assert word in done.stderr


def test_a_call_into_no_lab_says_how_to_get_one(tmp_path: Path) -> None:
    done = _run("call", "5145550105", TEXTBACK_LAB_STATE=str(tmp_path / "state"))
    assert done.returncode == 1
    assert done.stderr == 'error: there is no lab "default"\n  fix: scripts/lab up --name default\n'


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
def test_without_root_and_sudo_it_says_what_it_needs() -> None:
    code = f"""
import os, sys
sys.path.insert(0, {str(_CHECKOUT)!r})
from tests.lab.root import LabError, as_root
os.setgid(65534)
os.setuid(65534)
try:
    as_root(["true"])
except LabError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env={"PATH": "/nonexistent"})
    assert "the lab needs root" in done.stdout
    assert "sudo -n" in done.stdout


def test_ports_of_sipp_are_never_given_twice() -> None:
    ports = [free_port(range(31000, 31400), DESK) for _ in range(50)]
    assert len(set(ports)) == 50
