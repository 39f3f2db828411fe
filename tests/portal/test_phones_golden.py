"""Each screen in each brand's dialect: as the golden files have it, and within the brand's limits whatever callers write.

Golden files are written anew by ``TEXTBACK_GOLDEN=write python -m pytest tests/portal/test_phones_golden.py``: look at the difference.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ari_app.board import Canned
from ari_app.portal.characters import cut, plain, wrapped
from ari_app.portal.phone_words import WORDS, Words
from ari_app.portal.phones.brands import BRANDS, Brand, brand_of
from ari_app.portal.phones.markup import Canvas
from ari_app.portal.phones.render import charset_of, headers_of, rendered
from ari_app.portal.screens import Ack, Link
from tests.lab.deskphone_brands import BRANDS as BROWSERS
from tests.lab.deskphone_dialects import read
from tests.portal.phone_samples import COUNTS, canned, flow, hostile, row, screens, text, view

GOLDEN = Path(__file__).parent / "golden"
BASE = "http://10.0.0.5:8790/p/AAAAAAAAAAAAAAAAAAAAAA"
NAMES = sorted(BRANDS)

LOOK_AGAIN = ("inbox", "inbox_empty", "inbox_full", "inbox_ringing", "inbox_rings_alone")
MORE = {"snom": 80, "poly": 80, "grandstream": 160}
LIMITS = {
    # bytes, rows of a menu, characters of a title, of a row, soft keys, characters of a soft key
    "yealink": (10_000, 30, 32, 64, 4, 10),
    "aastra": (10_000, 30, 32, 64, 6, 10),
    "htek": (10_000, 30, 32, 64, 4, 10),
    "fanvil": (10_000, 30, 32, 64, 4, 10),
    "cisco": (40_000, 100, 32, 64, 4, 10),
    "cisco-mpp": (40_000, 100, 32, 64, 4, 10),
    "snom": (10_000, 100, 32, 40, 4, 10),
    "poly": (5_000, 30, 32, 40, 4, 10),
    "grandstream": (10_000, 30, 32, 40, 4, 10),
    "grandstream-old": (10_000, 13, 24, 24, 24, 10),
}


def _parsed(document: bytes) -> ET.Element:
    return ET.fromstring(document)  # noqa: S314  (drawn here)


def canvas(brand: Brand) -> Canvas:
    return Canvas(brand, f"{BASE}/{brand.name}", select_first=brand.name != "cisco")


@pytest.mark.parametrize("name", NAMES)
def test_each_screen_is_as_its_golden_file(name: str) -> None:
    brand, folder = BRANDS[name], GOLDEN / name
    drawn = {key: rendered(screen, canvas(brand)) for key, screen in screens(brand.shape).items()}
    drawn |= {f"{key}.en": rendered(screens(brand.shape, "en")[key], canvas(brand)) for key in ("inbox", "thread")}
    if os.environ.get("TEXTBACK_GOLDEN") == "write":
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("*.xml"):
            old.unlink()
        for key, body in drawn.items():
            (folder / f"{key}.xml").write_bytes(body)
    assert {path.stem for path in folder.glob("*.xml")} == set(drawn)
    for key, body in drawn.items():
        assert body.decode() == (folder / f"{key}.xml").read_text(encoding="utf-8"), key


@pytest.mark.parametrize("kind", ["usual", "hostile"])
@pytest.mark.parametrize("name", NAMES)
def test_every_screen_keeps_to_what_the_brand_takes(name: str, kind: str) -> None:
    brand, (most_bytes, most_rows, title, wide, keys, label) = BRANDS[name], LIMITS[name]
    for key, screen in (screens(brand.shape) if kind == "usual" else hostile(brand.shape)).items():
        body = rendered(screen, canvas(brand))
        told = f"{key}: {body.decode()}"
        assert len(body) <= most_bytes, key
        # a strict browser: a name or an attribute the brand does not know is an error, as is an empty list
        shown = read(BROWSERS[name], body)
        assert 0 < len(shown.title) <= title, told
        assert len(shown.items) <= most_rows, told
        assert all(0 < len(item.label) <= wide and len(item.more) <= MORE.get(name, 0) for item in shown.items), told
        assert len(shown.keys) <= keys, told
        assert all(0 < len(each.label) <= label and "…" not in each.label for each in shown.keys), told
        _only_known_characters(body.decode())
        assert _addresses(body) <= {address for address in _addresses(body) if address.startswith(f"{BASE}/{name}")}, told
        assert shown.keys or name in ("htek", "aastra"), f"{key} cannot be left"


def _only_known_characters(document: str) -> None:
    for char in "".join(_parsed(document.encode()).itertext()):
        assert char == "\n" or (" " <= char <= "\uffff" and char == plain(f"a{char}a")[1:-1]), repr(char)
    assert not re.search(r"[\u202a-\u202e\u2066-\u2069\u200e\u200f]", document)


def _addresses(body: bytes) -> set[str]:
    return set(re.findall(r"https?://[^\s\"<;]+", re.sub(r"<!DOCTYPE[^>]*>", "", body.decode())))


@pytest.mark.parametrize("name", NAMES)
def test_words_of_callers_stay_words(name: str) -> None:
    brand = BRANDS[name]
    for key, screen in hostile(brand.shape).items():
        root = _parsed(rendered(screen, canvas(brand)))
        assert not [each.tag for each in root.iter() if each.tag in ("script", "b")], key
    shown = read(BROWSERS[name], rendered(hostile(brand.shape)["thread"], canvas(brand)))
    assert "<script>" in shown.title
    assert "Élodie" in read(BROWSERS[name], rendered(screens(brand.shape)["thread"], canvas(brand))).title


@pytest.mark.parametrize("name", NAMES)
def test_a_text_of_ten_thousand_characters_is_read_to_its_end(name: str) -> None:
    brand = BRANDS[name]
    words = " ".join(f"mot{count}" for count in range(1400))
    make = flow(brand.shape)
    seen = view(entries=(text(words),), older=False)
    told, page, pages = "", 0, 99
    while page < pages:
        shown = read(BROWSERS[name], rendered(make.reading(seen, page), canvas(brand)))
        told += f" {shown.text}"
        found = re.search(r"\((\d+)/(\d+)\)$", shown.title)
        assert found is not None
        assert int(found[1]) == page + 1
        page, pages = page + 1, int(found[2])
    assert [each for each in told.split() if each.startswith("mot")] == words.split()


@pytest.mark.parametrize("name", NAMES)
def test_answering_takes_two_presses_of_digits(name: str) -> None:
    """A row opens the thread; the ready replies are its rows 2 to 6, whatever the caller wrote and however many there are."""
    brand = BRANDS[name]
    for count in (1, 5, 20):
        thread = read(BROWSERS[name], rendered(flow(brand.shape).thread(view(), canned(count)), canvas(brand)))
        for place in range(min(count, 5)):
            assert f"/t/17/c/{place + 1}/105/" in thread.items[1 + place].action.to
    assert "/t/17/b/" in next(item.action.to for item in thread.items if item.label == "Rappeler")


@pytest.mark.parametrize("name", ["yealink", "aastra", "htek", "fanvil", "poly"])
def test_a_row_is_called_with_one_press_where_the_brand_can(name: str) -> None:
    brand = BRANDS[name]
    inbox = read(BROWSERS[name], rendered(screens(brand.shape)["inbox"], canvas(brand)))
    assert [item.dial for item in inbox.items[:4]] == ["95145550123", "95145550177", "95145550123", ""]


def test_nothing_is_kept_and_a_deed_stays_out_of_ciscos_history() -> None:
    for brand in BRANDS.values():
        for key, screen in screens(brand.shape).items():
            headers = headers_of(screen, canvas(brand))
            assert headers["Content-Type"] == f"{brand.content_type}; charset=UTF-8"
            assert "no-store" in headers["Cache-Control"]
            is_cisco = brand.name.startswith("cisco")
            assert ("Refresh" in headers) == (key in LOOK_AGAIN and _refreshes(brand))
            if is_cisco:
                assert ("Expires" in headers) == (isinstance(screen, Ack) or key in ("write", "pin")), key


def _refreshes(brand: Brand) -> bool:
    return brand.name in ("cisco", "cisco-mpp", "poly")


def test_a_cisco_that_knows_no_utf8_gets_latin1() -> None:
    old = {"Accept-Charset": "iso-8859-1"}
    assert charset_of(BRANDS["cisco"], old) == "ISO-8859-1"
    assert charset_of(BRANDS["cisco"], {"Accept-Charset": "iso-8859-1, utf-8;q=0.8"}) == "UTF-8"
    assert charset_of(BRANDS["cisco"], {}) == "UTF-8"
    assert charset_of(BRANDS["yealink"], old) == "UTF-8"
    body = rendered(screens(BRANDS["cisco"].shape)["thread"], canvas(BRANDS["cisco"]), "ISO-8859-1")
    assert body.startswith(b'<?xml version="1.0" encoding="ISO-8859-1"?>')
    assert "Élodie Côté".encode("iso-8859-1") in body
    assert _parsed(body).findtext("Title") == "Élodie Côté"


def test_old_grandstreams_are_known_by_their_user_agent() -> None:
    for agent, name in (
        ("Grandstream GXP2110 1.0.4.23", "grandstream-old"),
        ("Grandstream Model HW GXP2120 SW 1.0.6.6 DevId 000b82aabbcc", "grandstream-old"),
        ("Grandstream Model HW GXP2135 SW 1.0.7.97 DevId 000b82aabbcc", "grandstream"),
        ("", "grandstream"),
    ):
        found = brand_of("grandstream", agent)
        assert found is not None
        assert found.name == name
    assert brand_of("nokia", "") is None


@settings(max_examples=60)
@given(name=st.text(max_size=200), words=st.text(max_size=2000), label=st.text(max_size=80))
def test_no_words_break_a_page(name: str, words: str, label: str) -> None:
    for brand in BRANDS.values():
        make, odd = flow(brand.shape), row(name=name, last=text(words))
        seen = view(row=odd, entries=(text(words),))
        ready = (Canned(id=1, language=None, label=label, text="x"),)
        for screen in (
            make.inbox((odd,), COUNTS),
            make.thread(seen, ready),
            make.reading(seen, 0),
            make.held(17, name, None, Link("t/17")),
        ):
            body = rendered(screen, canvas(brand))
            assert len(body) <= brand.bytes
            shown = read(BROWSERS[brand.name], body)
            assert shown.title
            assert all(item.label for item in shown.items)


# ---- characters and words


@given(st.text())
def test_plain_text_is_plain_and_stays_so(written: str) -> None:
    once = plain(written)
    assert plain(once) == once
    _parsed(f"<a>{once.replace('&', '&amp;').replace('<', '&lt;').replace('>', '&gt;')}</a>".encode())
    assert all(ord(char) <= 0xFFFF for char in once)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("Çà coûte «12 $» – œuvre", "Çà coûte «12 $» – œuvre"),
        ("e\u0301te\u0301", "été"),
        ("ok 👍🏽 🙂", "ok [ok] :)"),
        ("🐶🐱 🐭", "[emoji]"),
        ("👨\u200d👩\u200d👧 ☎\ufe0f", "[emoji]"),
        ("𝐁𝐨𝐧 Ｆ", "Bon F"),
        ("a\u202eb\u200fc\u0000d\u001be", "abcde"),
        ("un\r\ndeux\u2028trois\n\n\n\nquatre", "un\ndeux\ntrois\n\nquatre"),
        ("\ud83d seul", "seul"),
    ],
)
def test_what_fonts_lack_is_replaced_and_words_are_kept(written: str, shown: str) -> None:
    assert plain(written) == shown


def test_cut_and_wrapped() -> None:
    assert cut("un  deux\ntrois", 8) == "un deux…"
    assert cut("un", 8) == "un"
    assert wrapped("un deux trois", 8) == ["un deux", "trois"]
    assert wrapped("x" * 20, 8) == ["xxxxxxxx", "xxxxxxxx", "xxxx"]


def test_both_languages_say_the_same_things() -> None:
    for key in WORDS["fr"]:
        assert set(re.findall(r"{(\w+)}", WORDS["fr"][key])) == set(re.findall(r"{(\w+)}", WORDS["en"][key])), key
    assert Words("de").language == "en"


def test_names_are_told_by_what_is_known() -> None:
    make = flow(BRANDS["yealink"].shape)
    assert make.name(row(name="\u202e\u200f")) == "Numéro masqué"
    assert make.name(row(name=None)) == "(514) 555-0123"
