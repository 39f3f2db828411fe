"""Into the client's file: a folder as it is on disk, and a webhook over real HTTPS, with all that may go wrong on the way."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import os
import ssl
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from ari_app import filing, webhook
from ari_app.board import Actor
from ari_app.desk import SHELL
from ari_app.errors import NotFoundError, RefusedError
from ari_app.filing import FilingError, folder_name
from ari_app.model import Kind
from ari_app.person import PersonNumber, Record
from ari_app.webhook import signature
from tests.desk_world import Clinic, clinic
from tests.left import leave, tone
from tests.test_doctor_tls import a_certificate
from tests.threads.world import ALICE, inbound, nothing, raw

SECRET = "clé-des-dossiers"
WORDS = "Bonjour, ma dent me fait mal <b>\n14:05  Clinique: faux"


async def known(here: Clinic, *people: tuple[str, str], number: str = ALICE) -> None:
    """People behind a number: name and external id."""
    records = [Record(external=external, name=name, kind=Kind.CLIENT, numbers=(PersonNumber(number=number),)) for name, external in people]
    await here.store.contacts.apply(records, "import")


async def a_thread(here: Clinic) -> int:
    """A missed call, a text, an answer and a note."""
    thread = await here.caller()
    here.clock.move(minutes=1)
    await here.store.keep(raw(inbound(ALICE, WORDS, here.clock.at), here.clock.at), nothing)
    here.clock.move(minutes=2)
    await here.desk.note(thread, "Dr Roy à 15 h", by=SHELL, act="n")
    return thread


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# -- a folder


@asynccontextmanager
async def into_folder(tmp_path: Path) -> AsyncIterator[tuple[Clinic, Path]]:
    folder = tmp_path / "files"
    folder.mkdir()
    async with clinic(tmp_path, contacts={"filing": {"folder": str(folder)}}) as here:
        yield here, folder


async def test_a_thread_goes_into_the_clients_folder_once_to_be_read_and_as_json(tmp_path: Path) -> None:
    async with into_folder(tmp_path) as (here, folder):
        anne = await here.member()
        thread = await a_thread(here)
        await known(here, ("Élodie Côté", "D/4711"))
        old = os.umask(0o077)
        try:
            filed = await here.desk.file(thread, "thread", by=anne)
        finally:
            os.umask(old)
        assert (filed.name, filed.external, filed.new) == ("Élodie Côté", "D/4711", True)
        found = files(folder)
        stem = f"D%2F4711/2026-03-02_1003_thread_{filed.id[:8]}"
        assert set(found) == {f"{stem}.txt", f"{stem}.json"}
        text = found[f"{stem}.txt"].decode()
        assert text.splitlines()[:4] == [
            "Clinique Rivard",
            "Dossier D/4711: Élodie Côté",
            f"Numéro: {ALICE}",
            "Versé au dossier le 2026-03-02 10:03 par Anne",
        ]
        assert "09:59  Appel manqué (20 s)" in text
        assert "10:01  L'appelant: Bonjour, ma dent me fait mal <b>\n       14:05  Clinique: faux" in text, "no caller fakes a line"
        assert "10:03  Note de shell: Dr Roy à 15 h" in text
        facts = json.loads(found[f"{stem}.json"])
        assert (facts["id"], facts["external"], facts["type"], facts["filed_by"]) == (filed.id, "D/4711", "thread", "Anne")
        assert [entry["type"] for entry in facts["entries"]] == ["call", "text", "note"]
        client = folder / "D%2F4711"
        assert stat.S_IMODE(client.stat().st_mode) == 0o750
        assert {stat.S_IMODE(path.stat().st_mode) for path in client.iterdir()} == {0o640}
        # the same again is there already; what grew is another document
        here.clock.move(minutes=9)
        again = await here.desk.file(thread, "thread", by=anne)
        assert (again.id, again.new) == (filed.id, False)
        assert files(folder) == found
        await here.desk.note(thread, "more", by=SHELL, act="m")
        assert (await here.desk.file(thread, "thread", by=anne)).new
        assert len(files(folder)) == 4
        assert [act for act in await here.acts(act="filed") if act == ("Anne", "filed")] == [("Anne", "filed")] * 3


async def test_what_is_in_the_folder_is_never_overwritten_also_where_there_are_no_hard_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with into_folder(tmp_path) as (here, folder):
        thread = await a_thread(here)
        await known(here, ("Élodie", "4711"))
        filed = await here.desk.file(thread, "thread", by=SHELL)
        path = next(folder.rglob("*.txt"))
        path.write_text("mended by the clinic")
        assert not (await here.desk.file(thread, "thread", by=SHELL)).new
        assert path.read_text() == "mended by the clinic"
        path.unlink()

        def no_links(*_: object, **__: object) -> None:
            raise PermissionError(1, "Operation not permitted")

        monkeypatch.setattr(os, "link", no_links)
        again = await here.desk.file(thread, "thread", by=SHELL)
        assert (again.id, again.new) == (filed.id, True)
        assert path.read_text().startswith("Clinique Rivard")
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        assert not list(folder.rglob("*.part"))


async def test_a_long_thread_is_filed_whole(tmp_path: Path) -> None:
    async with into_folder(tmp_path) as (here, folder):
        thread = await a_thread(here)
        await known(here, ("Élodie", "4711"))
        for n in range(210):
            here.clock.move(seconds=1)
            await here.desk.note(thread, f"note {n}", by=SHELL, act=f"n{n}")
        await here.desk.file(thread, "thread", by=SHELL)
        text = next(folder.rglob("*.txt")).read_text()
        assert [f"note {n}" in text for n in range(210)] == [True] * 210
        assert text.index("note 0\n") < text.index("note 209\n")


async def test_a_message_left_goes_as_its_sound_or_as_written_down(tmp_path: Path) -> None:
    async with into_folder(tmp_path) as (here, folder):
        anne = await here.member()
        thread = await a_thread(here)
        await known(here, ("Élodie", "4711"))
        path = here.standing.file.store.path
        left = leave(path, thread, here.clock.at, transcript="please call me back")
        await here.desk.file(thread, "transcript", voicemail=left, by=anne)
        text = next(folder.rglob("*_transcript_*.txt")).read_text()
        assert "Message vocal (2 s)" in text
        assert "Transcrit par une machine, peut se tromper: please call me back" in text
        await here.desk.file(thread, "voicemail", voicemail=left, by=anne)
        (sound,) = folder.rglob("*_voicemail_*")
        assert sound.suffix == ".flac"
        assert sound.read_bytes() == tone(2.0)
        # heard meanwhile, it is the same message
        await here.desk.heard(left, True, by=anne)
        assert not (await here.desk.file(thread, "voicemail", voicemail=left, by=anne)).new
        mute = leave(path, thread, here.clock.at, sound=None)
        with pytest.raises(NotFoundError) as gone:
            await here.desk.file(thread, "voicemail", voicemail=mute, by=anne)
        assert gone.value.code == "no_sound"
        with pytest.raises(RefusedError) as unwritten:
            await here.desk.file(thread, "transcript", voicemail=mute, by=anne)
        assert unwritten.value.code == "no_transcript"
        for odd in (None, 999):
            with pytest.raises(NotFoundError) as none:
                await here.desk.file(thread, "voicemail", voicemail=odd, by=anne)
            assert none.value.code == "no_voicemail"


async def test_whose_file_it_is(tmp_path: Path) -> None:
    async with into_folder(tmp_path) as (here, folder):
        thread = await a_thread(here)
        for people, code in (((), "no_client_file"), ((("Sans dossier", "~0123456789abcdef01234567"),), "no_client_file")):
            await known(here, *people)
            with pytest.raises(RefusedError) as nobody:
                await here.desk.file(thread, "thread", by=SHELL)
            assert nobody.value.code == code
        await known(here, ("Léa", "1"), ("Marc", "2"))
        with pytest.raises(RefusedError) as which:
            await here.desk.file(thread, "thread", by=SHELL)
        assert which.value.code == "which_person"
        view = await here.desk.thread(SHELL, thread)
        marc = next(one.id for one in view.people if one.name == "Marc")
        bare = next(one.id for one in view.people if one.name == "Sans dossier")
        assert (await here.desk.file(thread, "thread", person=marc, by=SHELL)).external == "2"
        assert {path.name for path in folder.iterdir()} == {"2"}
        for wrong in (bare, 999):
            with pytest.raises(NotFoundError) as other:
                await here.desk.file(thread, "thread", person=wrong, by=SHELL)
            assert other.value.code == "no_person"


async def test_a_folder_that_cannot_be_written_is_told_and_audited(tmp_path: Path) -> None:
    async with into_folder(tmp_path) as (here, folder):
        anne = await here.member()
        thread = await a_thread(here)
        await known(here, ("Élodie", "4711"))
        folder.rmdir()
        with pytest.raises(FilingError) as broken:
            await here.desk.file(thread, "thread", by=anne)
        assert (broken.value.code, str(folder) in broken.value.what) == ("filing_folder", True)
        assert ("Anne", "not_filed") in await here.acts()
    other = tmp_path / "none"
    other.mkdir()
    async with clinic(other) as here:
        thread = await here.caller()
        assert not here.desk.files
        with pytest.raises(RefusedError) as off:
            await here.desk.file(thread, "thread", by=SHELL)
        assert off.value.code == "no_filing"


async def test_a_link_in_the_place_of_a_folder_or_a_file_is_not_followed(tmp_path: Path) -> None:
    async with into_folder(tmp_path) as (here, folder):
        thread = await a_thread(here)
        await known(here, ("Élodie", "4711"))
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        (folder / "4711").symlink_to(elsewhere)
        with capture_logs() as logs, pytest.raises(FilingError) as broken:
            await here.desk.file(thread, "thread", by=SHELL)
        assert broken.value.code == "filing_folder"
        assert not list(elsewhere.iterdir())
        assert [each["what"] for each in logs if each["event"] == "not_filed"] == [broken.value.what], "the page says: the log says why"
        (folder / "4711").unlink()
        await here.desk.file(thread, "thread", by=SHELL)
        path = next(folder.rglob("*.txt"))
        path.unlink()
        path.symlink_to(elsewhere / "target")
        with pytest.raises(FilingError):
            await here.desk.file(thread, "thread", by=SHELL)
        assert not list(elsewhere.iterdir())
        assert not list(folder.rglob("*.part"))


async def test_a_name_that_was_taken_before_the_power_went_is_filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with into_folder(tmp_path) as (here, folder):
        thread = await a_thread(here)
        await known(here, ("Élodie", "4711"))
        await here.desk.file(thread, "thread", by=SHELL)
        path = next(folder.rglob("*.txt"))
        whole = path.read_bytes()

        def no_links(*_: object, **__: object) -> None:
            raise PermissionError(1, "Operation not permitted")

        for link in (os.link, no_links):
            monkeypatch.setattr(os, "link", link)
            path.write_bytes(b"")
            assert (await here.desk.file(thread, "thread", by=SHELL)).new
            assert path.read_bytes() == whole


async def test_where_capitals_are_not_told_apart_nobodys_papers_come_to_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with into_folder(tmp_path) as (here, folder):
        thread = await a_thread(here)
        await known(here, ("Élodie", "tr4711"))
        for name in ("TR4711", "tr4711"):  # as if a share of Windows had both names for the first
            (folder / name).mkdir()
        monkeypatch.setattr(os, "listdir", lambda _: ["TR4711"])
        with pytest.raises(RefusedError) as refused:
            await here.desk.file(thread, "thread", by=SHELL)
        assert refused.value.code == "filing_name"
        assert not files(folder)
        monkeypatch.undo()
        assert (await here.desk.file(thread, "thread", by=SHELL)).new


@given(st.text(min_size=1, max_size=60), st.text(min_size=1, max_size=60))
def test_every_id_has_a_folder_of_its_own_within_the_one_given(one: str, other: str) -> None:
    names = []
    for external in (one, other):
        try:
            names.append(folder_name(external))
        except (RefusedError, UnicodeEncodeError):
            return
    assert (names[0] == names[1]) == (one == other)
    for name in names:
        assert "/" not in name
        assert "\\" not in name
        assert name not in {".", ".."}
        assert not name.startswith(".")
        assert not name.endswith((".", " "))
        assert name.isascii()


@pytest.mark.parametrize("external", ["x" * 201, "é" * 40])
def test_an_id_too_long_for_a_name_is_refused(external: str) -> None:
    with pytest.raises(RefusedError) as error:
        folder_name(external)
    assert error.value.code == "filing_name"


# -- a webhook


@dataclass
class Software:
    """The clinic's own, as it takes documents over HTTPS."""

    url: str = ""
    status: int = 200
    waits: bool = False
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    moved: int = 0

    async def take(self, request: web.Request) -> web.Response:
        self.got.append((dict(request.headers), await request.read()))
        if self.waits:
            await asyncio.sleep(30)
        headers = {"Location": f"{self.url}/moved"} if self.status in {301, 302, 307, 308} else {}
        return web.Response(status=self.status, headers=headers)

    async def elsewhere(self, _: web.Request) -> web.Response:
        self.moved += 1
        return web.Response()


@asynccontextmanager
async def software(tls: ssl.SSLContext | None) -> AsyncIterator[Software]:
    made = Software()
    app = web.Application(client_max_size=32 * 1024 * 1024)
    app.router.add_post("/dossiers", made.take)
    app.router.add_route("*", "/moved", made.elsewhere)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        made.url = f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
        yield made
    finally:
        await runner.cleanup()


@asynccontextmanager
async def over_https(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, trusted: bool = True
) -> AsyncIterator[tuple[Clinic, Software, int]]:
    """``trusted``: its certificate is named as the system's."""
    pem, context = await a_certificate(tmp_path)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    async with software(context) as there:
        chosen = {"filing": {"webhook": f"{there.url}/dossiers", "secret": SECRET}}
        async with clinic(tmp_path, contacts=chosen) as here:
            thread = await a_thread(here)
            await known(here, ("Élodie Côté", "4711"))
            yield here, there, thread


async def test_a_webhook_gets_it_signed_with_the_same_id_at_each_try(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with over_https(tmp_path, monkeypatch) as (here, there, thread):
        anne = await here.member()
        there.status = 503
        with pytest.raises(FilingError) as refused, capture_logs() as logs:
            await here.desk.file(thread, "thread", by=anne)
        assert (refused.value.code, refused.value.facts) == ("filing_status", {"status": 503})
        there.status = 201
        here.clock.move(minutes=1)
        with capture_logs() as more:
            filed = await here.desk.file(thread, "thread", by=anne)
        (first, _), (headers, body) = there.got
        assert first["X-Textback-Id"] == headers["X-Textback-Id"] == filed.id
        assert first["X-Textback-Timestamp"] != headers["X-Textback-Timestamp"]
        assert headers["Content-Type"] == "application/json; charset=utf-8"
        expected = hmac.new(SECRET.encode(), headers["X-Textback-Timestamp"].encode() + b"." + body, hashlib.sha256).hexdigest()
        assert headers["X-Textback-Signature"] == expected == signature(SECRET, headers["X-Textback-Timestamp"], body)
        facts = json.loads(body)
        assert (facts["id"], facts["type"], facts["external"], facts["person"]) == (filed.id, "thread", "4711", "Élodie Côté")
        assert WORDS.partition("\n")[0] in facts["text"]
        assert len(facts["entries"]) == 3
        told = json.dumps([*logs, *more], default=str)
        assert filed.id in told
        assert not [secret for secret in ("Bonjour", "Élodie", "4711", ALICE, SECRET) if secret in told]
        assert [act for _, act in await here.acts() if "filed" in act] == ["filed", "not_filed", "filed"]


async def test_the_sound_goes_as_base64_within_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with over_https(tmp_path, monkeypatch) as (here, there, thread):
        path = here.standing.file.store.path
        left = leave(path, thread, here.clock.at, seconds=3.0)
        await here.desk.file(thread, "voicemail", voicemail=left, by=SHELL)
        facts = json.loads(there.got[0][1])
        assert base64.b64decode(facts["sound"]) == tone(3.0)
        assert facts["sound_type"] == "audio/flac"
        largest = leave(path, thread, here.clock.at, sound=os.urandom(filing.MOST_SOUND))
        await here.desk.file(thread, "voicemail", voicemail=largest, by=SHELL)
        assert len(base64.b64decode(json.loads(there.got[1][1])["sound"])) == filing.MOST_SOUND
        larger = leave(path, thread, here.clock.at, sound=bytes(filing.MOST_SOUND + 1))
        with pytest.raises(RefusedError) as error:
            await here.desk.file(thread, "voicemail", voicemail=larger, by=SHELL)
        assert error.value.code == "filing_size"
        assert len(there.got) == 2


async def test_a_certificate_nobody_vouches_for_gets_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with over_https(tmp_path, monkeypatch, trusted=False) as (here, there, thread):
        with pytest.raises(FilingError) as error:
            await here.desk.file(thread, "thread", by=SHELL)
        assert error.value.code == "filing_tls"
        assert there.got == []


async def test_a_certificate_of_another_host_gets_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pem, context = await a_certificate(tmp_path, "DNS:elsewhere.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    async with software(context) as there, clinic(tmp_path, contacts=_to(there)) as here:
        thread = await a_thread(here)
        await known(here, ("Élodie", "1"))
        with pytest.raises(FilingError) as error:
            await here.desk.file(thread, "thread", by=SHELL)
        assert (error.value.code, there.got) == ("filing_tls", [])


def _to(there: Software) -> dict[str, Any]:
    return {"filing": {"webhook": f"{there.url}/dossiers", "secret": SECRET}}


async def test_a_redirect_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with over_https(tmp_path, monkeypatch) as (here, there, thread):
        for status in (302, 307):
            there.status = status
            with pytest.raises(FilingError) as error:
                await here.desk.file(thread, "thread", by=SHELL)
            assert error.value.facts == {"status": status}
        assert there.moved == 0


async def _down(here: Clinic, there: Software, thread: int, by: Actor) -> str:
    with pytest.raises(FilingError) as error:
        await here.desk.file(thread, "thread", by=by)
    assert there.url not in error.value.what
    return error.value.code


async def test_a_webhook_that_does_not_answer_or_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "_PATIENCE", aiohttp.ClientTimeout(total=0.2))
    async with software(None) as there, clinic(tmp_path, contacts=_to(there)) as here:
        thread = await a_thread(here)
        await known(here, ("Élodie", "1"))
        there.waits = True
        assert await _down(here, there, thread, SHELL) == "filing_slow"
    gone = {"filing": {"webhook": f"{there.url}/dossiers", "secret": SECRET}}
    other = tmp_path / "other"
    other.mkdir()
    async with clinic(other, contacts=gone) as here:
        thread = await a_thread(here)
        await known(here, ("Élodie", "1"))
        assert await _down(here, there, thread, SHELL) == "filing_down"
