"""The portal's certificate: one that is there, checked, or one that this machine signs itself."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ari_app.doctor_portal import certificate
from ari_app.errors import SetupError
from ari_app.setup.files import Owner, read
from ari_app.setup.journal import Journal

__all__ = ["SelfSigned", "checked", "host_names"]

DAYS = 825
"""The most that Apple's clients accept (https://support.apple.com/en-us/103769)."""
_EARLIER = timedelta(days=1)
"""A clock that is a little slow must not refuse a new certificate."""


def host_names() -> tuple[str, ...]:
    """What this machine is called: its name, and the full one where there is one."""
    short, full = socket.gethostname(), socket.getfqdn()
    return tuple(dict.fromkeys(name for name in (full, short) if name and name != "localhost" and not name.startswith("localhost.")))


def checked(path: Path, key: Path) -> None:
    """Can the portal use these two files. Raises SetupError."""
    found = certificate(path, key, datetime.now(UTC))
    if found.state == "bad":
        raise SetupError(found.what, found.fix, code="setup_certificate")


def _hosts(names: Sequence[str]) -> list[x509.GeneralName]:
    found: list[x509.GeneralName] = []
    for name in names:
        try:
            found.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            found.append(x509.DNSName(name))
    return found


@dataclass(frozen=True, slots=True)
class SelfSigned:
    """A step: makes a key and a certificate for ``names`` (IP addresses, host names), unless good ones for the first are there."""

    path: Path
    key: Path
    names: tuple[str, ...]
    owner: Owner

    @property
    def title(self) -> str:
        return f"writes {self.path} and {self.key}: a certificate for {', '.join(self.names)}, signed by itself, good for {DAYS} days"

    def needed(self) -> bool:
        held = read(self.path)
        if held is None or read(self.key) is None or certificate(self.path, self.key, datetime.now(UTC)).state == "bad":
            return True
        try:
            written = x509.load_pem_x509_certificate(held).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except (ValueError, x509.ExtensionNotFound):
            return True
        return _hosts(self.names[:1])[0] not in list(written)

    def do(self, journal: Journal) -> None:
        pem, key = _made(self.names, datetime.now(UTC))
        journal.write_file(self.key, key, mode=0o640, owner=self.owner)
        journal.write_file(self.path, pem, mode=0o644, owner=self.owner)


def _made(names: Sequence[str], now: datetime) -> tuple[bytes, bytes]:
    """Certificate and key, PEM (RFC 7468). ECDSA P-256, which every browser and desk phone of ten years reads."""
    key = ec.generate_private_key(ec.SECP256R1())
    called = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[-1][:64]), x509.NameAttribute(NameOID.ORGANIZATION_NAME, "textback")])
    usage = x509.KeyUsage(
        digital_signature=True, key_cert_sign=False, crl_sign=False, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    made = (
        x509.CertificateBuilder()
        .subject_name(called)
        .issuer_name(called)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLIER)
        .not_valid_after(now - _EARLIER + timedelta(days=DAYS))
        .add_extension(x509.SubjectAlternativeName(_hosts(names)), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    return (
        made.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain),
    )
