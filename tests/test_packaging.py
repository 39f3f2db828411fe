"""The wheel alone: built from a clean copy, installed into a fresh environment outside the checkout, and made to do the job there."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ari_app.settings import load
from tests.confined import left_by_unit
from tests.lab.supervise import Supervisor

ROOT = Path(__file__).parents[1]
LEFT_OUT = shutil.ignore_patterns(".git", ".*_cache", ".venv", ".hypothesis", "__pycache__", "build", "dist", "*.egg-info")
TEXT = "Bonjour, votre ordonnance est prête. À bientôt!"
PASSWORD = "an apple a day keeps"

pytestmark = pytest.mark.timeout(300)


def call(*command: str | Path, folder: Path, environ: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def away(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that has nothing to do with the checkout."""
    return tmp_path_factory.mktemp("away")


@pytest.fixture(scope="module")
def wheel(away: Path) -> Path:
    shutil.copytree(ROOT, away / "source", ignore=LEFT_OUT)
    call(sys.executable, "-m", "build", "--wheel", "--outdir", away, away / "source", folder=away)
    shutil.rmtree(away / "source")
    (built,) = away.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(away: Path, wheel: Path) -> Path:
    """The environment's bin folder."""
    call(sys.executable, "-m", "venv", away / "venv", folder=away)
    environ = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    call(away / "venv/bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel, folder=away, environ=environ)
    return away / "venv/bin"


@pytest.fixture(scope="module")
def clean(installed: Path, away: Path) -> dict[str, str]:
    """An environment as a service has it: nothing of the checkout, nothing of this test run."""
    return {"PATH": f"{installed}:/usr/bin:/bin", "HOME": str(away), "LANG": "C.UTF-8"}


def test_the_wheel_holds_the_rooms_and_what_ships_beside_them_and_nothing_else(wheel: Path) -> None:
    names = [name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name]
    assert {name.partition("/")[0] for name in names} == {"agi", "ari_app", "modem"}
    code = {str(path.relative_to(ROOT)) for room in ("agi", "ari_app", "modem") for path in (ROOT / room).rglob("*.py")}
    shipped = {
        f"ari_app/config/{path.relative_to(ROOT / 'config')}"
        for path in (ROOT / "config").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    rooms = [ROOT / "ari_app" / each for each in ("portal/templates", "portal/static", "privacy/templates")]
    drawn = {str(path.relative_to(ROOT)) for room in rooms for path in room.rglob("*") if path.is_file()}
    assert set(names) == code | shipped | drawn | {"ari_app/py.typed"}


def test_the_wheel_says_what_it_is(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (archive.read(name).decode() for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        assert any(name.endswith("/licenses/LICENSE") for name in archive.namelist())
    assert "Name: asterisk-textback" in metadata
    assert "License-Expression: Apache-2.0" in metadata
    assert "# asterisk-textback" in metadata


IMPORT_ALL = """
import importlib, json, pkgutil
names = []
for room in ("agi", "ari_app", "modem"):
    names.append(room)
    names += [found.name for found in pkgutil.walk_packages(importlib.import_module(room).__path__, room + ".")]
for name in names:
    if not name.endswith("__main__"):
        importlib.import_module(name)
try:
    importlib.import_module("config")
except ModuleNotFoundError:
    names.append("no top-level config")
print(json.dumps(names))
"""


def test_every_module_works_without_the_development_packages(installed: Path, clean: dict[str, str], away: Path) -> None:
    names = json.loads(call(installed / "python", "-W", "ignore", "-c", IMPORT_ALL, folder=away, environ=clean))
    assert {"agi.server", "ari_app.service", "modem.simulator", "no top-level config"} <= set(names)


READ_CONFIG = """
import importlib.resources, json
def walk(folder, path=""):
    for item in folder.iterdir():
        if item.is_dir():
            if item.name != "__pycache__":
                yield from walk(item, path + item.name + "/")
        elif not item.name.endswith((".py", ".pyc")):
            yield path + item.name, item.read_text(encoding="utf-8")
print(json.dumps(dict(walk(importlib.resources.files("ari_app.config")))))
"""


def test_its_config_files_are_read_from_the_package(installed: Path, clean: dict[str, str], away: Path) -> None:
    read = json.loads(call(installed / "python", "-c", READ_CONFIG, folder=away, environ=clean))
    files = [path for path in (ROOT / "config").rglob("*") if path.is_file() and path.suffix not in {".py", ".pyc"}]
    assert read == {str(path.relative_to(ROOT / "config")): path.read_text(encoding="utf-8") for path in files}


def test_the_command_is_there_and_names_the_shipped_example_when_it_has_no_settings(
    installed: Path, clean: dict[str, str], away: Path
) -> None:
    assert call(installed / "textback", "--version", folder=away, environ=clean).startswith("textback 0.")
    done = subprocess.run(
        [installed / "textback", "--config", "nowhere.toml", "calls"], cwd=away, env=clean, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "ari_app/config/textback.toml" in done.stderr
    assert "Traceback" not in done.stderr


@asynccontextmanager
async def simulated_modem(installed: Path, clean: dict[str, str], away: Path) -> AsyncIterator[Path]:
    """The simulated modem of the wheel; yields its control socket."""
    control = away / "modem.sock"
    process = await asyncio.create_subprocess_exec(
        installed / "python", "-m", "modem.simulator", "--link", away / "modem", "--control", control, cwd=away, env=clean
    )  # fmt: skip
    try:
        async with asyncio.timeout(20):
            while not control.exists():
                assert process.returncode is None
                await asyncio.sleep(0.05)
        yield control
    finally:
        process.terminate()
        await process.wait()


async def tell(control: Path, **command: Any) -> Any:
    reader, writer = await asyncio.open_unix_connection(str(control))
    writer.write(json.dumps(command).encode() + b"\n")
    answer = json.loads(await reader.readline())
    writer.close()
    await writer.wait_closed()
    assert answer.pop("ok"), answer
    return answer.get("result", answer)


def settings(folder: Path, modem: Path) -> Path:
    """A clinic whose PBX is not there yet: nobody listens where ARI should be."""
    with socket.socket() as free, socket.socket() as agi, socket.socket() as pages:
        for each in (free, agi, pages):
            each.bind(("127.0.0.1", 0))
        ports = free.getsockname()[1], agi.getsockname()[1], pages.getsockname()[1]
    (folder / "store").mkdir(parents=True)
    path = folder / "textback.toml"
    path.write_text(
        f"""
[clinic]
name = "Clinique du Parc"
number = "+15145550100"
[pbx]
ari = "http://127.0.0.1:{ports[0]}"
username = "textback"
password = "secret-of-the-pbx"
[[modem]]
name = "gsm1"
port = "{modem}"
[store]
path = "{folder / "store" / "textback.db"}"
[agi]
listen = "127.0.0.1:{ports[1]}"
[portal]
listen = "127.0.0.1:{ports[2]}"
phones = {{ allow = ["127.0.0.1"] }}
""",
        encoding="utf-8",
    )
    return path


async def send(installed: Path, environ: Mapping[str, str], folder: Path, number: str) -> str:
    """Text a number as staff do, and wait until it went; the text's state."""
    process = await asyncio.create_subprocess_exec(
        installed / "textback", "send", number, TEXT, "--wait", "60", "--json",
        cwd=folder, env=environ, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    assert process.returncode == 0, out.decode() + err.decode()
    return str(json.loads(out)["state"])


async def staff(installed: Path, environ: Mapping[str, str], folder: Path, *args: str, given: str = "") -> Any:
    """What `textback staff … --json` answers, beside the running service."""
    process = await asyncio.create_subprocess_exec(
        installed / "textback", "staff", *args, "--json",
        cwd=folder, env=environ, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate(given.encode())
    assert process.returncode == 0, out.decode() + err.decode()
    return json.loads(out)


async def phone(installed: Path, environ: Mapping[str, str], folder: Path) -> None:
    """The address printed for a desk phone shows it the inbox, until it is revoked."""
    made = await staff(installed, environ, folder, "phone", "add", "anne", "--brand", "yealink")
    async with aiohttp.ClientSession() as http:
        async with http.get(made["url"]) as answer:
            assert "<YealinkIPPhoneTextMenu" in await answer.text()
        await staff(installed, environ, folder, "phone", "revoke", str(made["key"]["id"]))
        async with http.get(made["url"]) as answer:
            assert "<YealinkIPPhoneTextScreen" in await answer.text()


async def signed_in(installed: Path, environ: Mapping[str, str], folder: Path) -> list[str]:
    """Add a member as an administrator does, sign in as a browser does, load what the inbox loads; the kinds of files that were."""
    await staff(installed, environ, folder, "add", "anne", "--role", "administrator", "--password-stdin", given=f"{PASSWORD}\n")
    base = load(Path(environ["TEXTBACK_CONFIG"])).portal.address
    async with aiohttp.ClientSession(base, cookie_jar=aiohttp.CookieJar(unsafe=True), headers={"Origin": base}) as http:
        async with http.get("/") as asked:
            assert asked.url.path == "/sign-in"
            assert 'type="password"' in await asked.text()
        async with http.post("/sign-in", data={"login": "anne", "password": PASSWORD, "next": "/"}) as inbox:
            assert inbox.status == 200
            assert inbox.url.path == "/"
            drawn = sorted(set(re.findall(r'(?:href|src)="(/static/[^"#]+)', await inbox.text())))
        for path in drawn:
            async with http.get(path) as answer:
                assert answer.status == 200, path
                assert await answer.read(), path
    return [path.rpartition(".")[2] for path in drawn]


async def test_the_service_runs_from_the_wheel_and_a_text_reaches_a_handset(installed: Path, clean: dict[str, str], away: Path) -> None:
    folder = away / "service"
    environ = {**clean, "TEXTBACK_CONFIG": str(settings(folder, away / "modem"))}
    log = folder / "log"
    service_of_wheel = Supervisor([str(installed / "textback"), "run"], log=log, environ=environ, folder=away)
    async with simulated_modem(installed, clean, away) as control, service_of_wheel as service:
        await service.ready()
        assert await send(installed, environ, away, "+14385550123") in {"sent", "delivered"}
        received = await tell(control, do="wait", number="+14385550123", count=1, timeout=20)
        assert [text["text"] for text in received] == [TEXT]
        assert {"css", "js", "svg"} <= set(await signed_in(installed, environ, away))
        await phone(installed, environ, away)
        assert service.starts == 1  # a PBX that is not there is waited for, not died of
        assert await service.stop() == 0
    said = log.read_text(encoding="utf-8")
    assert "pbx_disconnected" in said
    for secret in (TEXT, TEXT[:8], "secret-of-the-pbx", "+14385550123", PASSWORD):
        assert secret not in said


def whole(trace: Path, process: int) -> list[str]:
    """The lines strace wrote, once it has written that this process ended."""
    deadline = time.monotonic() + 30
    while not re.search(rf"^{process} +\+\+\+ exited", text := trace.read_text(encoding="utf-8", errors="replace"), flags=re.MULTILINE):
        assert time.monotonic() < deadline, text[-2000:]
        time.sleep(0.1)
    return text.splitlines()


async def test_the_service_does_nothing_that_its_unit_forbids(installed: Path, clean: dict[str, str], away: Path) -> None:
    unit = (ROOT / "config/textback.service").read_text(encoding="utf-8")
    assert "MemoryDenyWriteExecute=yes" in unit
    folder, trace = away / "traced", away / "trace"
    environ = {**clean, "TEXTBACK_CONFIG": str(settings(folder, away / "modem"))}
    # -DDD: the service keeps the process id it was started with, strace stands aside and outlives it
    command = ["strace", "-DDD", "-f", "-o", str(trace), str(installed / "textback"), "run"]
    async with (
        simulated_modem(installed, clean, away),
        Supervisor(command, log=folder / "log", environ=environ, folder=away, watchdog=60) as service,
    ):
        await service.ready(within=60)
        first = service.pid
        assert await send(installed, environ, away, "+14385550124") in {"sent", "delivered"}
        assert await signed_in(installed, environ, away)
        assert await service.stop(patience=60) == 0
    lines = await asyncio.to_thread(whole, trace, first)
    used = {match[1] for line in lines if (match := re.match(r"\d+ +(\w+)\(", line))}
    assert {"openat", "fdatasync", "sendto"} <= used
    as_root = {"fchown"} if os.geteuid() == 0 else set()  # SQLite's and the store's, which only root does
    tried = {"mbind"}  # numpy's memory on several processors: refused, it does without
    assert used - as_root - tried - left_by_unit() == set()
    assert [line for line in lines if "PROT_WRITE|PROT_EXEC" in line] == []
