"""What staff put into a client's file: a thread, a transcript or a voicemail, to a folder or a signed webhook.

A document's id is made of its content: the same put again is the same document. In a folder it is there once; a webhook is told the id
("X-Textback-Id"), so that what it got before, though its answer was lost, is known.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import errno
import json
import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from ari_app.clock import Clock
from ari_app.contact_settings import FilingSettings
from ari_app.errors import RefusedError, TextbackError
from ari_app.webhook import NotTakenError, post

__all__ = ["MOST_SOUND", "Document", "FilingError", "What", "folder_name", "put"]

What = Literal["thread", "transcript", "voicemail"]

MOST_SOUND = 8 * 1024 * 1024
"""Bytes of sound a webhook is sent: a quarter of an hour and more as FLAC of a telephone's. Base64 makes a third more of them."""
_ENDINGS = {"audio/flac": "flac", "audio/wav": "wav", "audio/x-wav": "wav", "audio/mpeg": "mp3", "audio/ogg": "ogg"}
_LONGEST_NAME = 200
"""Octets: file systems take 255, and some count characters of two."""
_PRIVATE, _PRIVATE_FOLDER = 0o640, 0o750


class FilingError(TextbackError):
    """The folder or the webhook did not take it. Shown to who filed, who may try again: nothing is filed twice by it."""

    code = "filing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What is filed, wherever it goes."""

    id: str
    """64 hexadecimal digits."""
    what: What
    external: str
    """Id of the client's file in the clinic's own software."""
    name: str
    """Begins the names of its files; letters, digits, - and _."""
    facts: Mapping[str, Any]
    """Of JSON values: all that is known of it."""
    text: str
    """To be read by people; of a voicemail what it is."""
    sound: tuple[str, bytes] | None = None
    """Its media type and itself."""

    def values(self) -> dict[str, Any]:
        """As JSON, without sound."""
        return {"id": self.id, "type": self.what, "external": self.external, **self.facts}


async def put(settings: FilingSettings, document: Document, clock: Clock) -> bool:
    """File it; False where it was there already.

    Raises FilingError (``filing_folder``, ``filing_down``, ``filing_slow``, ``filing_tls``, ``filing_status`` with the fact ``status``),
    RefusedError (``filing_name``, ``filing_size``), SettingsError when the secret cannot be read.
    """
    if settings.folder is not None:
        return await asyncio.to_thread(_store, settings.folder, document)
    await _post(str(settings.webhook), settings.read_secret(), document, clock)
    return True


# ---- a folder


def folder_name(external: str) -> str:
    """The folder of an external id: no two ids have the same (percent-encoding, RFC 3986 2.1). Raises RefusedError, ``filing_name``.

    A dot at either end is encoded too: "." and ".." lead elsewhere, and Windows drops those at the end.
    """
    name = quote(external, safe="").replace("~", "%7E")
    if name.startswith("."):
        name = f"%2E{name[1:]}"
    if name.endswith("."):
        name = f"{name[:-1]}%2E"
    if not name or len(name) > _LONGEST_NAME:
        raise RefusedError("the external id cannot name a folder", "shorten it in the clinic's software", code="filing_name")
    return name


def _store(root: Path, document: Document) -> bool:
    name = folder_name(document.external)
    stem = f"{document.name}_{document.id[:8]}"
    files: dict[str, bytes] = {}
    if document.what == "thread":
        files[f"{stem}.json"] = json.dumps(document.values(), ensure_ascii=False, indent=2).encode()
    if document.sound is None:
        # the one that people open comes last: where it is, all is
        files[f"{stem}.txt"] = document.text.encode()
    else:
        kind, data = document.sound
        files[f"{stem}.{_ENDINGS.get(kind, 'bin')}"] = data
    try:
        with _opened(root) as clients, _opened(_made(root, name, clients), clients) as folder:
            new = False
            for file, data in files.items():
                new |= _write(folder, file, data)
            os.fsync(folder)
    except OSError as error:
        fix = "make it, and let the service's user write there (also ReadWritePaths of its unit)"
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            fix = "free space on it"
        elif error.errno in {errno.ENOTDIR, errno.EEXIST, errno.ELOOP} and root.is_dir():
            fix = f"see what stands in the place of {name} there: a link, or something else than we would write"
        raise FilingError(
            f"contacts.filing.folder: {root} cannot be written ({error.strerror or error})",
            fix,
            code="filing_folder",
        ) from error
    return new


@contextlib.contextmanager
def _opened(path: Path | str, within: int | None = None) -> Iterator[int]:
    """A folder's descriptor: what is written by way of it goes nowhere else, whatever is put in its place meanwhile.

    ``within``: a folder that ``path`` is really in; a symbolic link there leads to where this client's papers do not belong.
    """
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | (0 if within is None else os.O_NOFOLLOW)
    handle = os.open(path, flags, dir_fd=within)
    try:
        yield handle
    finally:
        os.close(handle)


def _made(root: Path, name: str, clients: int) -> str:
    """A client's folder, made where it is not there; its name. Raises RefusedError, ``filing_name``, where it is another client's."""
    try:
        os.mkdir(name, _PRIVATE_FOLDER, dir_fd=clients)
    except FileExistsError:
        if _is_there(clients, name.swapcase()) and name not in os.listdir(clients):
            # shares of Windows take "a1" and "A1" for one
            what = f"{root} does not tell this id from another's, which is it but for capitals"
            raise RefusedError(what, "give one of them another id in the clinic's software", code="filing_name") from None
    else:
        with contextlib.suppress(PermissionError):  # not every file system has modes
            os.chmod(name, _PRIVATE_FOLDER, dir_fd=clients)  # whatever the umask
        os.fsync(clients)
    return name


def _is_there(folder: int, name: str) -> bool:
    with contextlib.suppress(FileNotFoundError):
        os.stat(name, dir_fd=folder, follow_symlinks=False)
        return True
    return False


def _write(folder: int, name: str, data: bytes) -> bool:
    """Put a whole file there, or none; one that is there stays as it is. On disk when it returns."""
    if _is_whole(folder, name):
        return False
    part = f".{secrets.token_hex(8)}.part"
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE, dir_fd=folder), "wb") as file:
            with contextlib.suppress(PermissionError):
                os.fchmod(file.fileno(), _PRIVATE)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        return _named(folder, part, name)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(part, dir_fd=folder)


def _named(folder: int, part: str, name: str) -> bool:
    """Give a file its name, unless another has it."""
    try:
        os.link(part, name, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError:
        # a file system without hard links (SMB, exFAT): the name is taken first, then the content put under it
        try:
            os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE, dir_fd=folder))
        except FileExistsError:
            if _is_whole(folder, name):
                return False
        os.replace(part, name, src_dir_fd=folder, dst_dir_fd=folder)
    return True


def _is_whole(folder: int, name: str) -> bool:
    """Is there such a file. Of nothing is one whose name was taken before the power went. Raises OSError where it is no file."""
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    if not stat.S_ISREG(found.st_mode):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
    return found.st_size > 0


# ---- a webhook


def _body(document: Document) -> bytes:
    facts = {**document.values(), "text": document.text}
    if document.sound is not None:
        kind, data = document.sound
        if len(data) > MOST_SOUND:
            raise RefusedError(f"the sound has {len(data)} bytes, and {MOST_SOUND} is the most", "file it by hand", code="filing_size")
        facts |= {"sound_type": kind, "sound": base64.b64encode(data).decode("ascii")}
    return json.dumps(facts, ensure_ascii=False, separators=(",", ":")).encode()


async def _post(url: str, secret: str, document: Document, clock: Clock) -> None:
    try:
        await post(url, secret, document.id, lambda: _body(document), clock)
    except NotTakenError as error:
        raise _not_taken(error) from error


def _not_taken(refused: NotTakenError) -> FilingError:
    match refused.why:
        case "tls":
            return FilingError(
                "contacts.filing.webhook: its certificate is not trusted, nothing was sent",
                "give it one of an authority that this machine knows, or name the authority's file in SSL_CERT_FILE",
                code="filing_tls",
            )
        case "slow":
            return FilingError(
                "contacts.filing.webhook: no answer in time", "try again: its id tells what it got before", code="filing_slow"
            )
        case "down":
            return FilingError(
                "contacts.filing.webhook: it cannot be reached",
                "see that it runs; then try again: its id tells what it got",
                code="filing_down",
            )
    status = refused.status
    fix = "write the address it redirects to" if 300 <= status < 400 else "see the log of what serves it"
    return FilingError(f"contacts.filing.webhook: it answers {status}", fix, code="filing_status", facts={"status": status})
