"""What is written into a phone: its address, its lamp, and what must be known beside it, per brand."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

from ari_app.errors import NotFoundError, RefusedError, SettingsError
from ari_app.portal.phones.brands import BRANDS as DRAWN
from ari_app.provisioning import BRANDS, CODE, PUSHED, reaches, services_url, sheet
from ari_app.settings import Settings, parse

TOKEN = "Zk3-_a9Qw7LmN0pX5tRb2A"
URL = f"http://192.168.1.10:8790/p/{TOKEN}"


def settings(**portal: object) -> Settings:
    return parse(
        {
            "clinic": {"name": "Clinique", "number": "+15145550100"},
            "pbx": {"username": "textback", "password": "x"},
            "portal": {"listen": "192.168.1.10:8790"} | portal,
        }
    )


ALLOWED = {"allow": ["192.168.1.0/24"]}


@pytest.mark.parametrize("brand", BRANDS)
def test_every_brand_is_told_its_address_and_its_lamp(brand: str) -> None:
    found = sheet(settings(phones=ALLOWED), TOKEN, brand)
    assert (found.brand, found.name, found.url) == (brand, BRANDS[brand], f"{URL}/{brand}")
    said = "\n".join(found.lines)
    assert f"{URL}/{brand}" in said
    assert CODE in said
    assert found.where
    assert "push" not in said.lower()
    assert "notify" not in said.lower()
    assert {"keys", "hint", "allow"} <= {note.code for note in found.notes}
    assert "192.168.1.0/24" in "".join(note.text for note in found.notes)


@pytest.mark.parametrize("brand", ["fanvil", "cisco", "cisco-mpp", "snom"])
def test_what_goes_into_an_xml_file_is_xml_with_the_address_as_it_is(brand: str) -> None:
    root = ET.fromstring(f"<file>{''.join(sheet(settings(), TOKEN, brand).lines)}</file>")  # noqa: S314 - our own lines
    words = [element.text or "" for element in root.iter()]
    assert any(f"{URL}/{brand}" in word for word in words)
    assert any(CODE in word for word in words)


def test_polys_lines_are_attributes() -> None:
    read = ET.fromstring(f"<all {' '.join(sheet(settings(), TOKEN, 'poly').lines)}/>").attrib  # noqa: S314 - our own lines
    assert read["mb.main.home"] == read["softkey.1.action"] == f"{URL}/poly"
    assert read["attendant.resourceList.1.address"] == CODE


def test_yealinks_lines() -> None:
    read = dict(line.split(" = ") for line in sheet(settings(), TOKEN, "yealink").lines)
    assert read == {
        "linekey.7.type": "27",
        "linekey.7.value": f"{URL}/yealink",
        "linekey.7.label": "SMS",
        "linekey.8.type": "16",
        "linekey.8.line": "1",
        "linekey.8.value": "*767",
        "linekey.8.label": "SMS",
    }


@pytest.mark.parametrize("brand", BRANDS)
def test_push_is_switched_on_for_the_brands_that_take_it(brand: str) -> None:
    without = sheet(settings(phones=ALLOWED), TOKEN, brand).lines
    pushed = sheet(settings(phones=ALLOWED | {"push": True}), TOKEN, brand).lines
    assert (set(pushed) > set(without)) == (brand in PUSHED)
    assert set(pushed) >= set(without)


def test_an_address_longer_than_the_setting_is_refused() -> None:
    """Yealink's key values end at 99 characters: what is longer would be cut off, and the phone ask for nobody's page."""
    fits = "http://" + "a" * (99 - len("http://") - len(f"/p/{TOKEN}/yealink"))
    assert len(services_url(settings(base_url=fits), TOKEN, "yealink")) == 99
    with pytest.raises(RefusedError) as caught:
        services_url(settings(base_url=fits + "a"), TOKEN, "yealink")
    assert caught.value.code == "too_long"
    assert "100 characters" in caught.value.what
    assert services_url(settings(base_url=fits + "a"), TOKEN, "snom")


@pytest.mark.parametrize(
    ("portal", "who"),
    [
        ({"listen": "192.168.1.10:8790"}, "any"),
        ({"listen": "127.0.0.1:8790"}, "this"),
        ({"listen": "localhost:8790"}, "this"),
        ({"listen": "[::1]:8790"}, "this"),
        ({"listen": "0.0.0.0:8790"}, "none"),
        ({"listen": "[::]:8790"}, "none"),
        ({"listen": "[fd00::10]:8790"}, "any"),
        ({"listen": "0.0.0.0:8790", "base_url": "https://textback.example"}, "any"),
        ({"listen": "127.0.0.1:8790", "base_url": "https://textback.example/"}, "any"),
    ],
)
def test_who_reaches_the_address(portal: dict[str, str], who: str) -> None:
    assert reaches(settings(**portal)) == who


def test_every_address_of_the_machine_is_no_address_for_a_phone() -> None:
    with pytest.raises(SettingsError, match=r"set portal\.base_url"):
        sheet(settings(listen="0.0.0.0:8790"), TOKEN, "snom")


def test_loopback_and_an_empty_list_of_networks_are_said() -> None:
    notes = {note.code: note.text for note in sheet(settings(listen="127.0.0.1:8790"), TOKEN, "snom").notes}
    assert {"loopback", "allow_nobody", "pbx_host"} <= set(notes)
    assert "allow" not in notes


def test_an_unknown_brand_is_named_with_those_that_are_known() -> None:
    with pytest.raises(NotFoundError) as caught:
        sheet(settings(), TOKEN, "bakelite")
    assert caught.value.code == "no_brand"
    assert "yealink" in caught.value.fix
    assert CODE in caught.value.fix


@pytest.mark.parametrize("brand", BRANDS)
def test_a_brand_is_a_step_of_an_address(brand: str) -> None:
    assert re.fullmatch(r"[a-z-]{1,12}", brand)


def test_every_brand_that_gets_an_address_has_screens() -> None:
    assert set(BRANDS) == set(DRAWN) - {"grandstream-old"}  # which tells itself by its User-Agent
