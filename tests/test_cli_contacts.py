"""``textback contacts``: with the service up and down, on a terminal and from a script."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pty
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ari_app.cli import contacts_import
from ari_app.contacts.importing import batches
from ari_app.control import ask, socket_path
from ari_app.errors import TextbackError
from ari_app.person import Record
from ari_app.settings import load
from tests.contract.clinic import error, holds, program, run, service, write_settings
from tests.contract.conftest import _logs_as_before
from tests.contract.test_contract import STATUS

__all__ = ["_logs_as_before"]

SERVICE = pytest.mark.parametrize("up", [False, True], ids=["service down", "service up"])
ROWS = """No dossier;Prénom;Nom;Cellulaire;Maison;Langue;Type;Étiquettes
101;Éric;Lefèvre;514 555-0101;438 555-0101;F;Patient;VIP
102;Zoé;Côté;514 555-0102;438 555-0101;A;;
103;;Labo X;450 555-0103;;;Fournisseur;pas de texto
104;Marc;Roy;514 555-0104 poste 3;;;;
105;Anne;=Roy;514 555-0105;555-0105;;Étrange;
"""


@contextlib.contextmanager
def running(config: Path, up: bool) -> Iterator[None]:
    with service(config, STATUS) if up else contextlib.nullcontext():
        yield


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_settings(tmp_path)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "clients.csv"
    path.write_bytes(ROWS.encode("cp1252"))
    return path


def contacts(config: Path, *args: object) -> Any:
    """What `textback contacts … --json` answers, held to its schema."""
    result = run(config, "contacts", *map(str, args), "--json")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    holds("contacts", document)
    return document


def counts(document: dict[str, Any]) -> tuple[int, ...]:
    return tuple(document[key] for key in ("rows", "contacts", "added", "changed", "unchanged", "refused", "problems"))


def in_step(config: Path, path: Path) -> None:
    config.write_text(f'{config.read_text()}[contacts.source]\nkind = "csv"\npath = "{path}"\n')


def everybody(config: Path) -> list[str]:
    return [person["name"] for person in contacts(config, "list")]


@SERVICE
def test_an_import_and_the_same_again(config: Path, file: Path, up: bool) -> None:
    with running(config, up):
        done = contacts(config, "import", file)
        assert counts(done) == (5, 4, 4, 0, 0, 1, 2)
        assert {column["name"]: column["field"] for column in done["columns"]}["Maison"] == "number"
        assert counts(contacts(config, "import", file)) == (5, 4, 0, 0, 4, 1, 2)
        file.write_bytes(ROWS.replace("Zoé;Côté", "Zoé;Coté").encode("cp1252"))
        assert counts(contacts(config, "import", file)) == (5, 4, 0, 1, 3, 1, 2)
        assert everybody(config) == ["Anne =Roy", "Éric Lefèvre", "Labo X", "Zoé Coté"]
        family = contacts(config, "show", "438 555-0101")
        assert [person["name"] for person in family] == ["Éric Lefèvre", "Zoé Coté"]
        assert (family[0]["external"], family[0]["language"], family[0]["tags"]) == ("101", "fr", ["vip"])
        assert family[0]["numbers"][1] == {"number": "+14385550101", "label": "maison"}
        (labo,) = contacts(config, "list", "--kind", "supplier")
        assert labo["tags"] == ["no-text"]
        assert [person["name"] for person in contacts(config, "list", "lef")] == ["Éric Lefèvre"]
        assert contacts(config, "show", labo["id"]) == [labo]
        assert contacts(config, "delete", labo["id"]) == {"deleted": labo["id"]}
        assert error(config, "contacts", "show", str(labo["id"]))["code"] == "no_contact"
        assert error(config, "contacts", "delete", str(labo["id"]))["code"] == "no_contact"
    with sqlite3.connect(load(config).store.path) as store:
        acts = [act for (act,) in store.execute("SELECT act FROM audit ORDER BY id")]
    assert acts == ["contacts_synced", "contacts_synced", "contacts_synced", "contact_deleted"]


@SERVICE
def test_a_dry_run_writes_nothing(config: Path, file: Path, up: bool) -> None:
    with running(config, up):
        tried = contacts(config, "import", file, "--dry-run")
        assert counts(tried) == (5, 4, 4, 0, 0, 1, 2)
        assert tried["dry_run"]
        assert tried["first"][0]["numbers"] == [
            {"number": "+15145550101", "label": "cellulaire"},
            {"number": "+14385550101", "label": "maison"},
        ]
    if up:
        assert everybody(config) == []
    else:
        assert not load(config).store.path.exists()


def test_what_could_not_be_used_is_written_for_their_eyes_alone(config: Path, file: Path, tmp_path: Path) -> None:
    path = tmp_path / "errors.csv"
    path.write_text("of last time")
    path.chmod(0o644)
    assert contacts(config, "import", file, "--errors", path)["errors"] == str(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text("utf-8-sig").splitlines() == [
        "row,column,value,why",
        "5,Cellulaire,514 555-0104 poste 3,it has an extension: no text reaches one",
        "6,Maison,555-0105,the area code is missing; the rest of the row is used",
    ]
    assert error(config, "contacts", "import", str(file), "--errors", str(tmp_path / "no/such/folder"))["code"] == "errors_file"
    assert error(config, "contacts", "import", str(file), "--errors", str(file), code=2)["code"] == "usage"
    assert file.read_bytes() == ROWS.encode("cp1252")


def test_the_file_of_errors_is_whole_or_nothing_is_brought_in(config: Path, file: Path) -> None:
    for device in ("/dev/full", "/dev/null"):
        before = Path(device).stat().st_mode
        assert error(config, "contacts", "import", str(file), "--errors", device)["code"] == "errors_file"
        assert Path(device).stat().st_mode == before
    most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20, most[1]))  # as a disk that is full
    try:
        failed = error(config, "contacts", "import", str(file), "--errors", str(file.with_name("errors.csv")))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, most)
    assert (failed["code"], "errors.csv" in failed["what"]) == ("errors_file", True)
    assert error(config, "contacts", "list")["what"].startswith("there is no store")


def test_a_service_that_ends_in_the_middle(config: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    up = contextlib.ExitStack()
    up.enter_context(service(config, STATUS))

    def one_by_one(records: Iterable[Record]) -> Iterator[list[dict[str, Any]]]:
        for batch in batches(records):
            for each in batch:
                yield [each]
                up.close()

    monkeypatch.setattr(contacts_import, "batches", one_by_one)
    failed = json.loads(run(config, "contacts", "import", str(file), "--json").stdout)["error"]
    assert (failed["what"], "again" in failed["fix"]) == ("the service ended in the middle: at least 1 of 4 were brought in", True)
    monkeypatch.undo()
    assert counts(contacts(config, "import", file))[2:5] == (3, 0, 1)


def test_more_than_one_request_takes(config: Path, tmp_path: Path) -> None:
    """Through the service, in batches; the same file again sends nobody."""
    path = tmp_path / "many.csv"
    path.write_text("id;nom;tel\n" + "".join(f"{n};{'Très-Long-Nom-' * 4}{n};514 555-{n:04}\n" for n in range(1500)))
    with running(config, up=True):
        assert contacts(config, "import", path)["added"] == 1500
        assert contacts(config, "import", path)["unchanged"] == 1500
        assert len(contacts(config, "list", "--limit", 0)) == 1500


@pytest.mark.parametrize(
    "args",
    [
        {},
        {"verb": "apply"},
        {"verb": "apply", "records": [{"external": "1", "name": "Marie Roy", "kind": "friend"}]},
        {"verb": "apply", "records": [], "more": 1},
        {"verb": "imported", "synced": {}},
        {"verb": "sync", "force": "yes"},
    ],
)
def test_what_the_service_is_asked_wrongly_is_refused(config: Path, args: dict[str, Any]) -> None:
    with running(config, up=True):
        with pytest.raises(TextbackError) as refused:
            asyncio.run(ask(socket_path(load(config).store.path), "contacts", args))
        assert refused.value.code == "bad_request"
        assert "Marie" not in str(refused.value)
    assert everybody(config) == []


def test_columns_and_kinds_that_are_said(config: Path, tmp_path: Path) -> None:
    path = tmp_path / "labs.txt"
    path.write_text("A1|Labo A|514 555-0101|x\nA2|Labo B|514 555-0102|y\n")
    mapped = ("--map", "id=1", "--map", "name=2", "--map", "number=3", "--map", "tags=4", "--kind", "supplier", "--delimiter", "|")
    contacts(config, "import", path, *mapped)
    assert [(one["external"], one["kind"], one["tags"]) for one in contacts(config, "list")] == [
        ("A1", "supplier", ["x"]),
        ("A2", "supplier", ["y"]),
    ]
    for wrong in (("--map", "nom=1"), ("--map", "name"), ("--map", "name=1", "--map", "name=2"), ("--kind", "patient")):
        assert error(config, "contacts", "import", str(path), *wrong, code=2)["code"] == "usage"
    assert error(config, "contacts", "import", str(path), "--map", "name=Nom")["code"] == "columns"
    assert error(config, "contacts", "import", str(path))["code"] == "columns"
    assert error(config, "contacts", "import", str(tmp_path / "none.csv"))["code"] == "no_file"


@SERVICE
def test_in_step(config: Path, file: Path, up: bool, tmp_path: Path) -> None:
    assert error(config, "contacts", "sync")["code"] in {"no_source", "store"}
    in_step(config, file)
    with running(config, up):
        done = contacts(config, "sync")
        assert (done["total"], done["added"], done["refused"], done["rows"]) == (4, 4, 1, 5)
        assert contacts(config, "sync")["unchanged"] == 4
        errors = tmp_path / "errors.csv"
        tried = contacts(config, "sync", "--dry-run", "--errors", errors)
        assert (tried["dry_run"], tried["unchanged"]) == (True, 4)
        assert len(errors.read_text().splitlines()) == 3
        person = contacts(config, "list")[0]["id"]
        assert error(config, "contacts", "delete", str(person))["code"] == "source_rules"
        file.write_text("No dossier;Nom;Cellulaire\n")
        refused = error(config, "contacts", "sync")
        assert refused["code"] == "contacts_refused"
        assert "--force" in refused["fix"]
        assert contacts(config, "sync", "--force", "--dry-run")["removed"] == 4
        assert len(everybody(config)) == 4
        assert contacts(config, "sync", "--force")["removed"] == 4
        file.unlink()
        assert error(config, "contacts", "sync")["code"] == "contacts_failed"
    assert error(config, "contacts", "sync", "--errors", str(tmp_path / "x.csv"), code=2)["code"] == "usage"


def typed(config: Path, *args: str, answer: str) -> tuple[int, str]:
    """The command on a terminal; what it showed."""
    terminal, theirs = pty.openpty()
    command = [sys.executable, "-m", "ari_app", "--config", str(config), "contacts", *args]
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, env={**os.environ, "COLUMNS": "120"}
    )
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # EIO: the last process let go of the terminal
        while came := os.read(terminal, 4096):
            shown += came
            if shown.endswith(b"[y/N]: "):
                os.write(terminal, f"{answer}\n".encode())
    os.close(terminal)
    return process.wait(60), shown.decode()


def test_a_terminal_shows_first_and_asks(config: Path, file: Path) -> None:
    status, shown = typed(config, "import", str(file), answer="n")
    assert status == 130
    for words in (
        "CSV, cp1252, separated by ;",
        "No dossier",
        "Éric Lefèvre",
        "(514) 555-0101 (cellulaire)",
        "4 new",
        "no text reaches one",
    ):
        assert words in shown
    assert not load(config).store.path.exists()
    status, shown = typed(config, "import", str(file), answer="y")
    assert status == 0, shown
    assert "4 added, 0 changed" in shown
    assert everybody(config) == ["Anne =Roy", "Éric Lefèvre", "Labo X", "Zoé Côté"]


def test_a_script_is_not_asked(config: Path, file: Path) -> None:
    done = program(config, "contacts", "import", str(file), input=b"")
    assert done.returncode == 0
    assert done.stderr == b""
    assert "4 added, 0 changed, 0 unchanged, 1 rows refused." in done.stdout.decode()
    assert "no-text" in run(config, "contacts", "list").stdout
    shown = run(config, "contacts", "show", "4385550101").stdout
    assert "Éric Lefèvre (contact " in shown
    assert "id in the clinic's software: 102" in shown


def test_doctor_tells_of_them(config: Path, file: Path) -> None:
    def told() -> dict[str, tuple[str, str]]:
        items = json.loads(run(config, "doctor", "--json").stdout)["items"]
        return {item["code"]: (item["state"], item["what"]) for item in items if item["part"] == "contacts"}

    contacts(config, "import", file)
    assert told()["contacts"] == ("ok", told()["contacts"][1])
    assert told()["contacts"][1].startswith("4 contacts (3 client, 1 supplier); last import")
    in_step(config, file)
    assert told()["contacts_never"][0] == "warn"
    contacts(config, "sync")
    assert told()["contacts_synced"][0] == "ok"
    file.write_text("")
    error(config, "contacts", "sync")
    assert told()["contacts_failed"][0] == "warn"
    file.write_text("No dossier;Nom;Cellulaire\n")
    error(config, "contacts", "sync")
    assert told()["contacts_refused"][0] == "bad"
