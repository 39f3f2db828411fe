"""textback on a machine of its own: a network namespace, a cable (veth) to the PBX, ARI over TLS. The cable is pulled, the certificate
changes, the password changes.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from tests.faults.fault import Recorder
from tests.faults.pbx_clinic import PROMPT, Clinic, Cost
from tests.lab.lab import Lab
from tests.lab.stage import stage
from tests.test_doctor_tls import a_certificate

pytestmark = [pytest.mark.lab, pytest.mark.bench, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]

PBX, OURS = "10.203.77.1", "10.203.77.2"


class Cable:
    """Between the PBX's machine and a namespace. Plugged in until the block ends."""

    def __init__(self) -> None:
        self.namespace = f"textback-{os.getpid()}"
        self._end = f"tb{os.getpid()}"

    def __enter__(self) -> Cable:
        for command in (
            f"netns add {self.namespace}",
            f"link add {self._end} type veth peer name pbx netns {self.namespace}",
            f"addr add {PBX}/30 dev {self._end}",
            f"link set {self._end} up",
            f"-n {self.namespace} addr add {OURS}/30 dev pbx",
            f"-n {self.namespace} link set pbx up",
            f"-n {self.namespace} link set lo up",
        ):
            _ip(command)
        return self

    def __exit__(self, *_: object) -> None:
        _ip(f"link del {self._end}")
        _ip(f"netns del {self.namespace}")

    def pull(self) -> None:
        _ip(f"link set {self._end} down")

    def plug(self) -> None:
        _ip(f"link set {self._end} up")


def _ip(command: str) -> None:
    subprocess.run(["ip", *command.split()], check=True)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lab() -> AsyncIterator[Lab]:
    lab = await Lab.up("22", f"faults-net-{os.getpid()}")
    try:
        yield lab
    finally:
        await lab.down()


@pytest.fixture(scope="module")
def cable() -> Iterator[Cable]:
    with Cable() as plugged:
        yield plugged


class Remote:
    """A PBX that speaks TLS on its end of the cable, and what is trusted of it on ours."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab = lab
        self.trusted = folder / "trusted.pem"
        self._etc = lab.record.folder / "asterisk/etc"
        self._http = (self._etc / "http.conf").read_text(encoding="utf-8")
        self.ari = (self._etc / "ari.conf").read_text(encoding="utf-8")
        self.port = lab.record.ports.ari + 50

    async def certificate(self, folder: Path, *, ran_out: bool = False, trusted: bool = True) -> None:
        """Asterisk shows a new certificate of its own from now on."""
        folder.mkdir(exist_ok=True)  # noqa: ASYNC240 (nothing waits)
        made, _ = await a_certificate(folder, f"IP:{PBX}", ran_out=ran_out)
        keys = self._etc / "keys"
        keys.mkdir(exist_ok=True)
        for name in ("pbx.pem", "pbx.key"):
            (keys / name).write_bytes((folder / name).read_bytes())
            (keys / name).chmod(0o644)
        if trusted:
            self.trusted.write_bytes(made.read_bytes())
        tls = (
            f"\ntlsenable = yes\ntlsbindaddr = {PBX}:{self.port}\n"
            "tlscertfile = /etc/asterisk/keys/pbx.pem\ntlsprivatekey = /etc/asterisk/keys/pbx.key\n"
        )
        (self._etc / "http.conf").write_text(self._http + tls, encoding="utf-8")
        await self.lab.ami.command("module reload http")

    async def password(self, password: str) -> None:
        """The ARI user has another password from now on."""
        text = self.ari.replace(self.lab.record.ari_password, password)
        (self._etc / "ari.conf").write_text(text, encoding="utf-8")
        await self.lab.ami.command("module reload res_ari.so")


@asynccontextmanager
async def clinic_at(lab: Lab, cable: Cable, folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Clinic, Remote]]:
    """A service on the other end of the cable, connected."""
    remote = Remote(lab, folder)
    await remote.certificate(folder / "first")
    monkeypatch.setenv("SSL_CERT_FILE", str(remote.trusted))
    secret = folder / "password"
    secret.write_text(lab.record.ari_password, encoding="utf-8")
    pbx = {
        "ari": f"https://{PBX}:{remote.port}",
        "ami": None,
        "password": None,
        "password_file": str(secret),
        "cel": {"csv": str(lab.cel)},
    }
    inside = ("ip", "netns", "exec", cable.namespace)
    async with stage(lab, folder, {"reply": PROMPT, "pbx": pbx}, inside=inside) as staged:
        yield Clinic(lab, staged), remote


async def doctor(clinic: Clinic) -> dict[str, str]:
    """What doctor says of the PBX: code → words."""
    _, out, _ = await clinic.staged.run("doctor", "--json")
    return {item["code"]: item["what"] for item in json.loads(out)["items"] if item["part"] == "pbx"}


async def test_the_cable_pulled_in_the_middle_of_calls(
    lab: Lab, cable: Cable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property: Recorder
) -> None:
    """Nothing says goodbye: the service must see by itself that nobody is there."""
    async with clinic_at(lab, cable, tmp_path, monkeypatch) as (clinic, _):
        before = clinic.connections()
        async with clinic.talking("4385553001") as talking, clinic.ringing("4385553002", owed=True) as ringing:
            cable.pull()
            await ringing.hang_up()
            await ringing.over()
            await clinic.miss("4385553003", "4385553004")
            await clinic.serve("4385553005")
            await clinic.lost()
            assert "pbx_lost" in await doctor(clinic)
            cable.plug()
            back = await clinic.connected(after=before)
            await talking.hang_up()
            await talking.over()
        await clinic.miss("4385553006")
        assert await clinic.cost(record_property, recovery_s=back) == Cost()


async def test_the_cable_pulled_between_calls(
    lab: Lab, cable: Cable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property: Recorder
) -> None:
    """So shortly that neither side sees it, then for a minute of callers."""
    async with clinic_at(lab, cable, tmp_path, monkeypatch) as (clinic, _):
        before = clinic.connections()
        cable.pull()
        await clinic.miss("4385553011")
        cable.plug()
        await clinic.miss("4385553012")
        await clinic.staged.handset("+14385553012")
        cable.pull()
        await clinic.miss(*(f"43855531{index:02d}" for index in range(20)), rate=2)
        await clinic.serve("4385553013")
        await clinic.lost()
        cable.plug()
        back = await clinic.connected(after=before)
        assert await clinic.cost(record_property, recovery_s=back, patience=120) == Cost()


async def test_asterisks_certificate_is_renewed(
    lab: Lab, cable: Cable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property: Recorder
) -> None:
    """It ran out, is renewed, and the copy it is trusted by is laid down: no restart of the service."""
    async with clinic_at(lab, cable, tmp_path, monkeypatch) as (clinic, remote):
        before = clinic.connections()
        await remote.certificate(tmp_path / "old", ran_out=True, trusted=False)
        await clinic.miss("4385553021")  # what is open goes on: TLS shows a certificate at its start alone
        await lab.restart_asterisk()
        await clinic.lost()
        await clinic.miss("4385553022")
        assert "pbx_tls" in await doctor(clinic)
        await remote.certificate(tmp_path / "new")
        back = await clinic.connected(after=before)
        assert clinic.staged.supervisor.starts == 1
        await clinic.miss("4385553023")
        assert await clinic.cost(record_property, recovery_s=back) == Cost()


async def test_the_password_changes_at_asterisk_and_then_here(
    lab: Lab, cable: Cable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property: Recorder
) -> None:
    """First at Asterisk, which lets the service's requests in no more; later in the file that pbx.password_file names."""
    async with clinic_at(lab, cable, tmp_path, monkeypatch) as (clinic, remote):
        before = clinic.connections()
        try:
            await remote.password("of-next-year")
            await clinic.lost()
            await clinic.miss("4385553031")
            assert "pbx_auth" in await doctor(clinic)
            (tmp_path / "password").write_text("of-next-year", encoding="utf-8")
            back = await clinic.connected(after=before)
            assert clinic.staged.supervisor.starts == 1, "what waits to be sent and the pages of staff did not end for that"
            await clinic.miss("4385553032")
            assert await clinic.cost(record_property, recovery_s=back) == Cost()
        finally:
            await remote.password(lab.record.ari_password)
