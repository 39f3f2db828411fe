"""One person's record: all of it, readable in their language, and nobody else's."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ari_app.privacy.document import document, page
from ari_app.settings import load
from tests.contract.clinic import run, write_settings
from tests.contract.conftest import _logs_as_before
from tests.portal.served import served
from tests.privacy.world import GONE, MARK, fill

__all__ = ["_logs_as_before"]


async def test_a_record_holds_all_there_is_and_is_readable(tmp_path: Path) -> None:
    config = write_settings(tmp_path)
    await fill(config, (GONE,), others=3)
    out = tmp_path / "out"
    done = run_in_thread(config, "export", GONE, "--output", str(out))
    assert {Path(line).name for line in done.splitlines()[:-1]} == {"record.html", "record.json", "voicemail-1.flac"}
    found = json.loads((out / "record.json").read_text("utf-8"))
    assert {name: len(found[name]) for name in ("threads", "calls", "calls_out", "notes", "voicemails", "consent")} == {
        "threads": 2,
        "calls": 2,
        "calls_out": 1,
        "notes": 1,
        "voicemails": 1,
        "consent": 1,
    }
    assert [len(text["carried"]) for text in found["messages"] if "et encore" in text["text"]] == [2]
    assert {(each["who"], each["act"]) for each in found["accesses"]} >= {("Anne", "read"), ("Anne", "note"), ("shell", "record_exported")}
    assert "1514555" not in json.dumps([found[name] for name in ("messages", "calls", "notes")])
    assert (out / "voicemail-1.flac").read_bytes().startswith(f"{MARK[GONE]} as sound".encode())

    html = (out / "record.html").read_text("utf-8")
    assert '<html lang="fr">' in html
    name = f"Marie {MARK[GONE]}"
    for words in ("Dossier de communications", name, "Message vocal", "préfère le matin", "N’en veut plus", "a lu", "numéro masqué"):
        assert words in html, words
    assert "http://" not in html
    assert "https://" not in html
    assert "record_exported" not in html
    assert "shell" not in html, "who wrote and looked at a terminal has a name that a patient understands"
    assert "<td>l’administrateur</td>" in html
    english = run_in_thread(config, "export", GONE, "--output", str(tmp_path / "en"), "--language", "en")
    assert "record.html" in english
    assert "Record of communications" in (tmp_path / "en" / "record.html").read_text("utf-8")


def run_in_thread(config: Path, *args: str) -> str:
    """A command, from within a loop: it has one of its own."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as beside:
        result = beside.submit(run, config, *args).result()
    assert result.exit_code == 0, result.output
    return result.stdout


def test_what_texts_bring_does_no_harm_to_the_page(tmp_path: Path) -> None:
    """Markup is shown as it was written; what no page may hold is shown as a mark."""
    evil = "<script>alert(1)</script> </body> {{ 7 * 7 }} \x00\x07\x85 l’été 😀"
    text = {"id": 1, "direction": "in", "kind": "caller", "text": evil, "state": "received", "at": "2026-03-02T15:00:00Z", "parts": 1}
    record: dict[str, Any] = {
        **{name: [] for name in ("people", "threads", "calls", "calls_out", "notes", "voicemails", "consent", "accesses")},
        "contact": None,
        "messages": [text],
    }
    settings = load(write_settings(tmp_path))
    html = page(document(record, settings, GONE, datetime(2026, 3, 2, tzinfo=UTC)), settings, "fr", lambda _: "")
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &lt;/body&gt; {{ 7 * 7 }} \ufffd\ufffd\ufffd l’été 😀" in html
    assert "<script" not in html


async def test_an_administrator_takes_it_from_the_thread(tmp_path: Path) -> None:
    async with served(tmp_path) as here:
        thread = await here.clinic.caller()
        browser = await here.browser(here.administrator)
        address = f"/admin/record/{thread}"
        assert f'href="{address}"' in await browser.get(f"/thread/{thread}")
        assert "(514) 555-0101" in await browser.get(address)
        assert ("Admin", "record_exported") in await here.clinic.acts()
        other = await here.browser(here.staff)
        assert address not in await other.get(f"/thread/{thread}")
        await other.get(address, status=403)
