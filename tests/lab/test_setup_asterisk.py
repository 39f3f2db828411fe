"""`textback setup`'s part in Asterisk, on the real one with the files Debian ships: let in, a call seen, taken out byte for byte."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ari_app.cli import main
from ari_app.clock import SystemClock
from ari_app.errors import PbxAuthError, SetupError
from ari_app.pbx.ami import check
from ari_app.pbx.ari import AriClient
from ari_app.settings import AmiSettings, PbxSettings
from ari_app.setup import asterisk, remote, wiring
from ari_app.setup.access import Access
from ari_app.setup.connection import answers
from ari_app.setup.journal import Journal
from ari_app.setup.steps import run, to_do
from tests.contract.clinic import holds
from tests.contract.conftest import _logs_as_before
from tests.lab.lab import Lab
from tests.lab.listener import Listener
from tests.lab.rootfs import cache
from tests.lab.scripts import Caller
from tests.setup.trees import as_freepbx, freepbx_files, tree
from tests.setup.world import free

__all__ = ["_logs_as_before"]

pytestmark = [pytest.mark.lab, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]


def as_shipped(lab: Lab) -> Path:
    """Debian's own ari.conf, http.conf and manager.conf with the lab's ports, and the lab's own AMI user; ARI's users are none."""
    etc, shipped = lab.record.folder / "asterisk/etc", cache() / f"rootfs-{lab.record.line}/etc/asterisk"
    ours = (etc / "manager.conf").read_text("utf-8").partition("[lab]")[2]
    more = {
        "http.conf": f"bindport = {lab.record.ports.ari}",
        "ari.conf": "channelvars = CALLERID(name)",
        "manager.conf": f"[general](+)\nport = {lab.record.ports.ami}\n[lab]{ours}",
    }
    for name, lines in more.items():
        (etc / name).write_bytes((shipped / name).read_bytes() + f"\n{lines.rstrip()}".encode())  # nor do they end with a line break
    shutil.copytree(shipped / "manager.d", etc / "manager.d", dirs_exist_ok=True)
    return etc


def as_root(lab: Lab, folder: Path) -> Path:
    """The lab's Asterisk as it would lie on a machine; its program is the real one, in the namespace where it runs."""
    base = lab.record.folder / "asterisk"
    for name, there in {"etc/asterisk": base / "etc", "run/asterisk": base / "run", "var/lib/asterisk": base / "lib"}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(there)
    program = folder / "usr/sbin/asterisk"
    program.parent.mkdir(parents=True)
    enter = ["nsenter", f"--target={lab.asterisk_pid}", "--mount", "--root", "/usr/sbin/asterisk"]
    program.write_text(f'#!/bin/sh\nexec {shlex.join(enter)} "$@"\n', "utf-8")
    program.chmod(0o755)
    return folder


async def test_let_in_a_call_seen_and_taken_out_again(lab: Lab, tmp_path: Path) -> None:
    etc = as_shipped(lab)
    for command in ("module reload http", "module reload res_ari.so", "manager reload"):
        await lab.ami.command(command)
    before = tree(etc)
    found = await asyncio.to_thread(asterisk.find, as_root(lab, tmp_path / "root"))
    assert (found.version.split(".")[0], found.flavour, found.running) == (lab.record.line, "plain", True)
    assert (found.now.http.enabled, found.now.ari_users, found.now.ami.port) == (False, (), lab.record.ports.ami)
    assert found.now.ami_users == ("lab",)

    access = Access.kept(tmp_path / "secrets")
    steps = wiring.steps(found, access, wiring.Dialplan(phones="from-internal"))
    ari = wiring.address(found)
    assert ari == lab.ari_url

    def do() -> int:
        with Journal(tmp_path / "setup.json") as journal:
            return run(steps, journal, say=str)

    assert await asyncio.to_thread(do) == len(steps)
    assert await asyncio.to_thread(to_do, steps) == []
    again = await asyncio.to_thread(asterisk.find, found.root)
    assert await asyncio.to_thread(to_do, wiring.steps(again, access, wiring.Dialplan(phones="from-internal"))) == []
    (tmp_path / "other").mkdir()
    with pytest.raises(SetupError, match="there is an AMI user") as taken:
        wiring.steps(again, Access.kept(tmp_path / "other", ami_user="lab"))
    assert taken.value.code == "setup_user_exists"

    for name in wiring.ARI_FILE, wiring.AMI_FILE:
        assert (etc / name).stat().st_mode & 0o777 == 0o640
        assert found.group in {str((etc / name).stat().st_gid), (etc / name).group()}
    assert "*767" in await lab.ami.command("dialplan show textback-inbox")
    assert "textback-inbox" in await lab.ami.command("dialplan show from-internal")
    await a_call_is_seen(lab, access)

    with Journal(tmp_path / "setup.json") as journal:
        assert all(not one.kept for one in await asyncio.to_thread(journal.undo))
    assert tree(etc) == before
    assert not (tmp_path / "setup.json").exists()
    assert "textback" not in await lab.ami.command("dialplan show from-internal")
    assert "Server Disabled" in await lab.ami.command("http show status")
    with pytest.raises(PbxAuthError):
        await check(AmiSettings(port=lab.record.ports.ami, username="textback", secret=access.ami_secret))


async def test_the_whole_command_on_this_machine(lab: Lab, tmp_path: Path) -> None:
    """`textback setup` with all its rooms but the service: written, again nothing to do, doctor let in, taken out."""
    etc = as_shipped(lab)
    for command in ("module reload http", "module reload res_ari.so", "manager reload"):
        await lab.ami.command(command)
    before = tree(etc)
    root = as_root(lab, tmp_path / "root")
    (tmp_path / "password").write_text("une phrase assez longue\n", "utf-8")
    given = [
        "--clinic",
        "Clinique du Lac",
        "--number",
        "5145550195",
        "--hours",
        "Mo-Fr 8-17",
        "--modem",
        "none",
        "--listen",
        f"127.0.0.1:{free()}",
    ]
    member = ["--login", "anne", "--password-file", str(tmp_path / "password")]

    async def setup(*args: str) -> Any:
        env = {"TEXTBACK_ROOT": str(root), "COLUMNS": None}
        done = await asyncio.to_thread(CliRunner().invoke, main, ["setup", "--yes", "--json", *args], env=env)
        assert done.exit_code == 0, done.output
        holds("setup", document := json.loads(done.stdout))
        return document

    made = await setup("--no-start", "--dialplan", "--phone-context", "from-internal", *given, *member)
    assert {each["part"]: each["state"] for each in made["doctor"]["items"]}.items() >= {("pbx", "ok"), ("ami", "ok")}
    assert (await setup("--no-start", *given))["steps"] == []
    undone = await setup("--undo", "--erase-data")
    assert undone["left"] == []
    assert tree(etc) == before
    assert not (root / "etc/textback").exists()


async def test_let_in_by_the_files_freepbx_leaves_to_others(lab: Lab, tmp_path: Path) -> None:
    """Its include files on the real Asterisk, with HTTP off in its GUI's settings; fwconsole is the tree's."""
    etc, root, port = as_shipped(lab), as_root(lab, tmp_path / "root"), lab.record.ports.ari
    ours = (etc / "manager.conf").read_text("utf-8").partition("[general](+)")[2]
    for name, text in freepbx_files(http=False, port=port).items():
        if name.partition("_")[0].partition(".")[0] in {"http", "ari", "manager"}:
            (etc / name).write_text(text, "utf-8")
    (etc / "manager_additional.conf").write_text(f"[general](+){ours}", "utf-8")
    as_freepbx(root, http=False, port=port)
    for command in ("module reload http", "module reload res_ari.so", "manager reload"):
        await lab.ami.command(command)
    before, found = tree(etc), await asyncio.to_thread(asterisk.find, root)
    assert (found.flavour, found.now.http.enabled, found.now.ami.port) == ("freepbx", False, lab.record.ports.ami)
    access = Access.kept(tmp_path / "secrets")
    steps = wiring.steps(found, access)

    def do() -> tuple[str, ...]:
        with Journal(tmp_path / "setup.json") as journal:
            assert run(steps, journal, say=str) == len(steps)
            assert to_do(steps) == []
            assert answers(found, access, wiring.address(found))
            return tuple(one.kept for one in journal.undo())

    assert set(await asyncio.to_thread(do)) == {""}
    assert tree(etc) == before
    assert "Server Disabled" in await lab.ami.command("http show status")
    assert not await asyncio.to_thread(answers, found, access, wiring.address(found))


LOOK = """
import asyncio, json, sys
from ari_app.settings import AmiSettings, PbxSettings
from ari_app.setup.connection import look
pbx, password, ami = json.load(sys.stdin)
for each in asyncio.run(look(PbxSettings(**pbx), password, AmiSettings(**ami))):
    print(each.code)
"""


async def test_from_another_machine_over_tls(lab: Lab, tmp_path: Path) -> None:
    """What remote.py prints, put where it says; on loopback here, as all of a lab is."""
    etc, keys = as_shipped(lab), lab.record.folder / "asterisk/etc/keys"
    keys.mkdir()
    ari_port, ami_port = free_port(), free_port()
    said = remote.advice("127.0.0.1", "127.0.0.1", tmp_path, ari_port=ari_port, ami_port=ami_port)
    command = said.partition("openssl req")[2].partition("chown")[0].replace("/etc/asterisk/keys", str(keys)).replace("\\\n", "")
    await asyncio.to_thread(subprocess.run, ["openssl", "req", *shlex.split(command)], check=True, capture_output=True)
    (keys / "textback.key").chmod(0o644)  # the lab's user asterisk is not this machine's
    access = Access.kept(tmp_path / "none")
    with Journal(tmp_path / "setup.json") as journal:
        run(remote.piece_steps(tmp_path / "pbx", access), journal, say=str)
    for name in wiring.ARI_FILE, wiring.AMI_FILE:
        assert (tmp_path / "pbx" / name).stat().st_mode & 0o777 == 0o600
        (etc / name).write_bytes((tmp_path / "pbx" / name).read_bytes())
        assert not {access.ari_password, access.ami_secret} & set(said.split())
    for name, lines in remote.additions("plain", ari_port=ari_port, ami_port=ami_port).items():
        assert all(line in said for line in lines.splitlines())
        with (etc / name).open("a", encoding="utf-8") as file:
            file.write("\n" + lines.replace("0.0.0.0", "127.0.0.1") + "\n")  # noqa: S104
    for line in ("module reload http", "module reload res_ari.so", "manager reload"):
        assert line in said
        await lab.ami.command(line)

    shown = await asyncio.to_thread(remote.certificate, "127.0.0.1", ari_port)
    assert (shown.names, shown.trusted) == (("127.0.0.1",), False)
    assert shown.pem.split() == (keys / "textback.crt").read_text("utf-8").split()
    with pytest.raises(SetupError) as clear:
        await asyncio.to_thread(remote.certificate, "127.0.0.1", lab.record.ports.ami)
    assert clear.value.code == "setup_pbx_tls"
    pbx = {"ari": f"https://127.0.0.1:{ari_port}", "username": "textback", "password": access.ari_password}
    ami = {"port": ami_port, "tls": True, "username": "textback", "secret": access.ami_secret}

    def looked(**environ: str) -> list[str]:
        given = json.dumps([pbx, access.ari_password, ami])
        command = [sys.executable, "-c", LOOK]
        return subprocess.run(
            command, input=given, text=True, capture_output=True, check=True, env={**os.environ, **environ}
        ).stdout.split()

    assert await asyncio.to_thread(looked, SSL_CERT_FILE=str(keys / "textback.crt")) == ["pbx_answers", "ami"]
    assert await asyncio.to_thread(looked) == ["pbx_tls", "ami_tls"]
    shutil.rmtree(keys)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


async def a_call_is_seen(lab: Lab, access: Access) -> None:
    """By the new user, with what stood in channelvars and what textback reads; and the user may write."""
    listener = await Listener.connect(lab.record.ports.ari, access.ari_user, access.ari_password)
    seen: list[dict[str, Any]] = []

    def ended(event: dict[str, Any]) -> str | None:
        if event["type"] == "ChannelDestroyed" and event["channel"]["name"].startswith("PJSIP/trunk-"):
            seen.append(event["channel"].get("channelvars", {}))
            return "ended"
        return None

    try:
        async with lab.trunk_call(Caller("4385550195", "5145550195", talk=0.1)) as agent:
            await agent.over()
            await listener.wait(ended, "the call's end")
    finally:
        await listener.close()
    assert set(seen[0]) == {"CALLERID(name)", *asterisk.CHANNELVARS}
    client = AriClient(PbxSettings(ari=lab.ari_url, username=access.ari_user, password=access.ari_password), SystemClock())
    try:
        await client.set_global("TEXTBACK_OPEN", "1")
    finally:
        await client.close()
