"""Questions about who reaches the portal: its address, its certificate, the phones, the first member."""

from __future__ import annotations

import errno
import ipaddress
import secrets
import socket
from dataclasses import dataclass, field
from pathlib import Path

from ari_app.desk import check_extension, check_login, check_name
from ari_app.desk.passwords import check_password
from ari_app.errors import RefusedError, SetupError
from ari_app.setup.asking import Answers, Asking, check_key, listed
from ari_app.setup.certificate import SelfSigned, checked, host_names
from ari_app.setup.files import Owner
from ari_app.setup.lan import Lan, addresses

__all__ = ["Member", "Tls", "ask_member", "ask_portal", "read_secret"]

_PORT = 8790
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""None that is taken for another."""


@dataclass(frozen=True, slots=True)
class Member:
    """Who signs in first. ``shown``: the password was made here, and nobody knows it yet."""

    login: str
    name: str
    password: str = field(repr=False)
    extension: str | None = None
    shown: bool = False


@dataclass(frozen=True, slots=True)
class Tls:
    """How the portal is encrypted: by files that are there, by a certificate to make, or not."""

    made: SelfSigned | None = None


def ask_portal(asking: Asking, answers: Answers, folder: Path, owner: Owner) -> Tls:
    """Fills ``portal.*``. Raises SetupError for a certificate that cannot be used."""
    lans = addresses()
    listen = _listen(asking, answers, lans)
    if listen is None:
        return Tls()
    tls = _tls(asking, answers, folder, owner, listen)
    shown = f"{'https' if answers.get('portal.certificate') else 'http'}://{_reached(listen, lans)}"
    base = asking.value(
        "--base-url",
        "Address that staff open in a browser",
        lambda given: check_key("portal.base_url", given.rstrip("/")),
        key="portal.base_url",
        default=shown if asking.afresh else None,
        needed=False,
    )
    if base is not None:
        answers["portal.base_url"] = None if base == f"{shown.partition('://')[0]}://{listen}" else base
    _phones(asking, answers, listen, lans)
    return tls


def _listen(asking: Asking, answers: Answers, lans: tuple[Lan, ...]) -> str | None:
    terminal = asking.interview
    if terminal is not None and len(lans) > 1:
        terminal.say("This machine has the addresses " + ", ".join(f"{each.ip} ({each.name})" for each in lans) + ".")
    first = f"{lans[0].ip if lans else '127.0.0.1'}:{_PORT}"
    held = asking.there("portal.listen")
    listen = asking.value(
        "--listen",
        "Address at which desks reach the portal",
        lambda written: _free(_address(written), held),
        key="portal.listen",
        default=first if asking.afresh and len(lans) < 2 else None,
        guess=first,
        needed=asking.afresh,
    )
    if listen is not None:
        answers["portal.listen"] = listen
    return listen


def _address(written: str) -> str:
    bare = written.strip("[]")
    try:
        ip = ipaddress.ip_address(bare)
    except ValueError:
        return str(check_key("portal.listen", written if ":" in written else f"{written}:{_PORT}"))
    return str(check_key("portal.listen", f"[{ip}]:{_PORT}" if ip.version == 6 else f"{ip}:{_PORT}"))


def _free(listen: str, held: str | None) -> str:
    """An address that the service can listen at; one it has already may be in use by itself. Raises SetupError."""
    host, port = _host(listen), int(listen.rpartition(":")[2])
    try:
        family, kind, proto, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        with socket.socket(family, kind, proto) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if listen != held:
                tried.bind(where)
    except OSError as error:  # gaierror is one
        if error.errno == errno.EADDRINUSE:
            raise SetupError(f"port {port} of {host} is taken", f"write another: {host}:{port + 1}", code="setup_listen") from error
        here = ", ".join(each.ip for each in addresses()) or "127.0.0.1"
        raise SetupError(f"{host} is no address of this machine", f"it has {here}", code="setup_listen") from error
    if port < _lowest():
        raise SetupError(f"the service may not listen below port {_lowest()}", f"write {host}:{_PORT}", code="setup_listen")
    return listen


def _lowest() -> int:
    """The first port that is not root's (ip-sysctl, ip_unprivileged_port_start)."""
    try:
        return int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text("ascii"))
    except (OSError, ValueError):
        return 1024


def _host(listen: str) -> str:
    return listen.rpartition(":")[0].strip("[]")


def _reached(listen: str, lans: tuple[Lan, ...]) -> str:
    """Listening on every address is no address to open."""
    host, port = _host(listen), listen.rpartition(":")[2]
    return f"{lans[0].ip}:{port}" if host in {"0.0.0.0", "::"} and lans else listen  # noqa: S104 - compared


def _tls(asking: Asking, answers: Answers, folder: Path, owner: Owner, listen: str) -> Tls:
    ours, ours_key = folder / "portal.crt", folder / "portal.key"
    if asking.given("--no-tls"):
        answers["portal.certificate"] = answers["portal.key"] = None
        return Tls()
    if asking.given("--certificate") is None and not asking.afresh:
        held = asking.there("portal.certificate")
        answers["portal.certificate"], answers["portal.key"] = held, asking.there("portal.key")
        made = SelfSigned(ours, ours_key, _names(listen), owner)
        return Tls(made if held == str(ours) and ours.exists() and made.needed() and asking.given("--listen") else None)
    if _loopback(_host(listen)) and asking.given("--certificate") is None:
        return Tls()
    path = asking.value("--certificate", "Certificate for the portal (a PEM file; empty: one is made)", _file, needed=False)
    if path is not None:
        key = asking.value("--key", "Its key (a PEM file)", _file)
        if key is not None:
            checked(Path(path), Path(key))
        answers["portal.certificate"], answers["portal.key"] = path, key
        return Tls()
    answers["portal.certificate"], answers["portal.key"] = str(ours), str(ours_key)
    return Tls(SelfSigned(ours, ours_key, _names(listen), owner))


def _names(listen: str) -> tuple[str, ...]:
    lans = addresses()
    return (_host(_reached(listen, lans)), *host_names())


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _file(written: str) -> str:
    path = Path(written)
    if not path.is_absolute() or not path.is_file():
        raise SetupError(f"there is no file {written}", "write its full path", code="setup_answer")
    return written


def _phones(asking: Asking, answers: Answers, listen: str, lans: tuple[Lan, ...]) -> None:
    near = next((each.network for each in lans if each.ip == _host(_reached(listen, lans))), None)
    phones = asking.value(
        "--phones",
        "Network of the desk phones (- for none)",
        lambda given: [] if given == "-" else check_key("portal.phones.allow", listed(given)),
        key="portal.phones.allow",
        guess=near or "-",
        needed=asking.terminal is not None and asking.afresh,
    )
    if phones is not None:
        answers["portal.phones.allow"] = phones


def ask_member(asking: Asking, *, screen: bool) -> Member | None:
    """Who signs in first. ``screen``: there is a terminal on which a password can be shown."""
    login = asking.value("--login", "The first member, an administrator, signs in as", _login)
    name = asking.value("--member-name", "Their name, as others read it", check_name, default=login, needed=False)
    extension = asking.value("--extension", "Extension of their phone (empty: none)", _extension, needed=False)
    password, shown = _password(asking, login or "", screen=screen)
    if login is None or password is None:
        return None
    return Member(login, name or login, password, extension, shown)


def _login(written: str) -> str:
    check_login(written)
    return written


def _extension(written: str) -> str:
    if not written:
        raise SetupError("nothing was written", "write its digits", code="setup_answer")
    check_extension(written)
    return written


def _password(asking: Asking, login: str, *, screen: bool) -> tuple[str | None, bool]:
    file = asking.given("--password-file")
    if file is not None:
        password = read_secret(Path(file), "--password-file")
        check_password(password, login)
        return password, False
    terminal = asking.terminal
    if terminal is None:
        if screen:
            return _made(), True
        asking.missing.append("--password-file")
        return None, False
    while True:
        written = terminal.secret("Their password (10 characters or more; empty: one is made and shown once)", twice=True)
        if not written:
            return _made(), True
        try:
            check_password(written, login)
        except RefusedError as error:
            terminal.say(f"{error.what}; {error.fix}")
        else:
            return written, False


def _made() -> str:
    """20 letters and digits: 98 bits."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(5)) for _ in range(4))


def read_secret(path: Path, flag: str) -> str:
    """The first line of a file. Raises SetupError "setup_secret"."""
    try:
        found = path.read_text("utf-8").split("\n")[0].strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(
            f"{flag}: {path} cannot be read", "give a text file with the secret on its first line", code="setup_secret"
        ) from error
    if not found:
        raise SetupError(f"{flag}: {path} is empty", "write the secret on its first line", code="setup_secret")
    return found
