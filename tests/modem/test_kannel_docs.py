"""docs/kannel.md: its kannel.conf starts a real Kannel, its textback.toml is one, and together they carry texts both ways."""

from __future__ import annotations

import re
import tomllib
from contextlib import AsyncExitStack
from pathlib import Path

from ari_app.settings import ModemSettings
from modem.kannel import KannelBearer
from tests.lab.kannel import Carrier, Kannel, free_port
from tests.modem.conftest import Keeper
from tests.modem.kannel_rig import PATIENT, Rig, running, until

DOC = Path(__file__).parents[2] / "docs/kannel.md"
NUMBER = "+15145550123"


def block(kind: str) -> str:
    (found,) = re.findall(rf"^```{kind}\n(.*?)^```", DOC.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return str(found)


def in_a_lab(config: str, kannel: Kannel, listen: int) -> str:
    """The documented kannel.conf on other ports, in the lab's folder, with the lab's operator as its carrier."""
    kannel.folder.joinpath("store").mkdir()
    kannel.folder.joinpath("dlr").mkdir()
    config += "\n" + kannel.centre.replace("smsc-id = carrier\n", "smsc-id = carrier1\n")
    config = config.replace("host = smpp.carrier.example", "host = 127.0.0.1")
    moved = {
        "port = 2775": f"port = {free_port()}",
        "= 13000": f"= {kannel.admin}",
        "= 13001": f"= {kannel.boxes}",
        "= 13013": f"= {kannel.sendsms}",
        ":13080/": f":{listen}/",
    }
    for ours, theirs in {**moved, "/var/log/kannel/": f"{kannel.folder}/", "/var/spool/kannel/": f"{kannel.folder}/"}.items():
        assert ours in config
        config = config.replace(ours, theirs)
    return config


async def test_what_is_documented_works(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        carrier = await stack.enter_async_context(Carrier())
        kannel, keeper, listen = Kannel(tmp_path / "kannel", mo="", carrier=carrier), Keeper(), free_port()
        kannel.config.write_text(in_a_lab(block("ini"), kannel, listen), encoding="utf-8")
        await stack.enter_async_context(kannel)
        (entry,) = tomllib.loads(block("toml"))["modem"]
        entry |= {"url": kannel.url, "listen": f"127.0.0.1:{listen}"}
        modem = ModemSettings.model_validate(entry)
        assert modem.url and modem.username and modem.number  # noqa: PT018 - for mypy
        bearer = KannelBearer(
            modem.name, url=modem.url, username=modem.username, password=modem.read_password(), smsc=modem.smsc, listen=modem.listen,
            callback=modem.callback, secret=modem.read_secret(), number=modem.number, door=keeper, on_ready=lambda: None, timing=PATIENT,
        )  # fmt: skip
        await stack.enter_async_context(running(bearer))
        rig = Rig(kannel, bearer, keeper, carrier)
        await rig.ready()
        await rig.went(NUMBER, "à bientôt")
        await until(lambda: len(carrier.taken) == 1, "the text at the operator")
        await carrier.report(carrier.taken[0], 1, "stat:DELIVRD")
        *_, report = await rig.reports(NUMBER, 2)
        assert report.outcome == "delivered"
        await carrier.text(NUMBER, "merci 😀".encode("utf-16-be"), 2, recipient="+15145550188")
        (answer,) = await rig.received()
        assert answer.text == "merci 😀"
        await rig.went(NUMBER, "de rien")
        await until(lambda: carrier.taken[-1].text == "de rien", "the next text at the operator")
        assert len(carrier.taken) == 2, "Kannel answered by itself"
        for box in ("bearerbox", "smsbox"):
            for secret in ("merci", "à bientôt", modem.read_password()):
                assert secret not in kannel.log(box)


async def test_two_clinics_share_a_kannel_by_their_numbers(tmp_path: Path) -> None:
    ports, keepers = [free_port(), free_port()], [Keeper(), Keeper()]
    async with AsyncExitStack() as stack:
        carrier = await stack.enter_async_context(Carrier())
        kannel = Kannel(tmp_path / "kannel", mo="", carrier=carrier)
        config = kannel.config.read_text(encoding="utf-8")
        (service,) = re.findall(r"group = sms-service\n.*?(?=\n\n)", block("ini") + "\n\n", flags=re.DOTALL)
        services = [
            service.replace(":13080/", f":{port}/") + f'\nallowed-receiver-prefix = "+1514555018{index}"\n'
            for index, port in enumerate(ports)
        ]
        kannel.config.write_text(
            re.sub(r"group = sms-service\n.*?\n\n", lambda _: "\n".join(services) + "\n", config, flags=re.DOTALL), encoding="utf-8"
        )
        await stack.enter_async_context(kannel)
        (entry,) = tomllib.loads(block("toml"))["modem"]
        for port, keeper in zip(ports, keepers, strict=True):
            bearer = KannelBearer(
                f"clinic{port}", url=kannel.url, username="clinic", password=kannel.password, listen=f"127.0.0.1:{port}",
                secret=entry["secret"], number="+15145550188", door=keeper, on_ready=lambda: None, timing=PATIENT,
            )  # fmt: skip
            await stack.enter_async_context(running(bearer))
        for index in (1, 0):
            await carrier.text(NUMBER, f"à la clinique {index}".encode(), recipient=f"+1514555018{index}")
        await until(lambda: all(keeper.kept for keeper in keepers), "both have a text")
    assert [keeper.texts for keeper in keepers] == [["à la clinique 0"], ["à la clinique 1"]]
