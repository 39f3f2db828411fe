"""A PBX on another machine: nothing is written there. What to put where, what the certificate is, and what is lost by the distance.

For FreePBX 16 (CentOS 7), appliances and virtual machines. ARI and AMI go over TLS, with a certificate this machine trusts. Both users'
files are made here and copied over, so that no secret is shown. Sources: Asterisk's http.conf.sample, manager.conf.sample and
ari.conf.sample; FreePBX framework (Console/Setting.class.php, HTTPTLS… of Advanced Settings).
"""

from __future__ import annotations

import hashlib
import re
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cryptography import x509

from ari_app.errors import SetupError
from ari_app.setup.access import Access, ami_text, ari_text
from ari_app.setup.asterisk import CHANNELVARS
from ari_app.setup.changes import WriteFile
from ari_app.setup.files import Owner

__all__ = ["LOST", "Certificate", "additions", "advice", "certificate", "outward", "piece_steps"]

_ARI, _AMI = "textback_ari.conf", "textback_manager.conf"
_KEYS = "/etc/asterisk/keys/textback"
_PATIENCE = 5.0

LOST = (
    "voicemail's sound and its transcripts: the messages lie on the PBX; that one was left is seen",
    "*767 (the inbox by voice), *768, the offer of a text while waiting, names on the phone that rings: FastAGI, on the PBX's own machine",
    "without the PBX's records in a database it may read ([pbx.cdr] url_file): texts for calls that came while the network was down",
    "without them, too: what the last days would have sent",
)
"""What does not work from another machine. All else does: texts, web page, lamps, calling back, the blacklist, push to phones."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a TLS port shows. ``trusted``: this machine accepts it for that host as it stands."""

    pem: str
    fingerprint: str
    """SHA-256, as openssl x509 -fingerprint -sha256 writes it."""
    names: tuple[str, ...]
    """subjectAltName: the hosts and addresses it is for."""
    trusted: bool


def certificate(host: str, port: int) -> Certificate:
    """Asks for it, trusting nothing yet. Raises SetupError "setup_pbx_unreachable", "setup_pbx_tls"."""
    blind = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    blind.check_hostname, blind.verify_mode = False, ssl.CERT_NONE
    der = _shown(host, port, blind)
    try:
        _shown(host, port, ssl.create_default_context())
        trusted = True
    except SetupError:
        trusted = False
    digest = hashlib.sha256(der).hexdigest().upper()
    found = x509.load_der_x509_certificate(der)
    try:
        held = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = (*held.get_values_for_type(x509.DNSName), *map(str, held.get_values_for_type(x509.IPAddress)))
    except x509.ExtensionNotFound:
        names = ()
    return Certificate(ssl.DER_cert_to_PEM_cert(der), ":".join(re.findall("..", digest)), names, trusted)


def _shown(host: str, port: int, context: ssl.SSLContext) -> bytes:
    try:
        with socket.create_connection((host, port), _PATIENCE) as plain, context.wrap_socket(plain, server_hostname=host) as spoken:
            return spoken.getpeercert(binary_form=True) or b""
    except ssl.SSLError as error:
        raise SetupError(
            f"{host}:{port} does not speak TLS as it should ({error.reason})",
            "set tlsenable, tlsbindaddr and tlscertfile in its http.conf",
            code="setup_pbx_tls",
        ) from error
    except OSError as error:
        raise SetupError(
            f"{host}:{port} cannot be reached ({error.strerror or error})",
            "see its firewall, and tlsbindaddr in its http.conf",
            code="setup_pbx_unreachable",
        ) from error


def outward(host: str) -> str:
    """This machine's address on the way to the PBX: what its AMI user and its firewall permit. Raises SetupError. Nothing is sent."""
    try:
        found = socket.getaddrinfo(host, 9, type=socket.SOCK_DGRAM)[0]
        with socket.socket(found[0], socket.SOCK_DGRAM) as way:
            way.connect(found[4])
            return str(way.getsockname()[0])
    except OSError as error:
        raise SetupError(f"the way to {host} is not known ({error})", "write its address", code="setup_pbx_unreachable") from error


def piece_steps(folder: Path, access: Access) -> list[WriteFile]:
    """The two users' files, in ``folder``, root's alone, to be copied to the PBX; on FreePBX and on plain Asterisk they are the same."""
    owner = Owner("root", "root")
    texts = {_ARI: ari_text(access), _AMI: ami_text(access)}
    what = {_ARI: "the ARI user", _AMI: "the AMI user"}
    return [
        WriteFile(f"writes {folder / name}: {what[name]}, to be copied to the PBX", folder / name, text.encode, 0o600, owner)
        for name, text in texts.items()
    ]


def additions(flavour: Literal["plain", "freepbx"], *, ari_port: int = 8089, ami_port: int = 5039, keys: str = _KEYS) -> dict[str, str]:
    """File of the PBX → lines to add at its end. ``keys``: path of certificate and key there, without .crt and .key."""
    more = "[general](+)"
    tls = f"tlsenable = yes\ntlsbindaddr = 0.0.0.0:%d\ntlscertfile = {keys}.crt\ntlsprivatekey = {keys}.key"
    carried = f"channelvars = {','.join(CHANNELVARS)}"
    ari, ami = f"#tryinclude {_ARI}", f"#tryinclude {_AMI}"
    if flavour == "freepbx":  # HTTP is its GUI's
        return {
            "ari_general_custom.conf": carried,
            "ari_additional_custom.conf": ari,
            "manager_custom.conf": f"{more}\n{tls % ami_port}\n{ami}",
        }
    return {
        "http.conf": f"{more}\nenabled = yes\nbindaddr = 127.0.0.1\n{tls % ari_port}",
        "ari.conf": f"{more}\nenabled = yes\n{carried}\n{ari}",
        "manager.conf": f"{more}\nenabled = yes\n{tls % ami_port}\n{ami}",
    }


def advice(host: str, here: str, folder: Path, *, ari_port: int = 8089, ami_port: int = 5039) -> str:
    """What to do on the PBX, then here. Holds no secret: those are in the two files of ``folder``. ``here``: this machine's address."""
    kind = "IP" if re.fullmatch(r"[\d.]+|[\da-fA-F:]*:[\da-fA-F:]+", host) else "DNS"
    plain, freepbx = (_listed(additions(flavour, ari_port=ari_port, ami_port=ami_port)) for flavour in ("plain", "freepbx"))
    lost = "\n".join(f"   - {each}" for each in LOST)
    return f"""\
On the PBX ({host}):

1. Copy the two users over, from here. They hold the secrets: nothing has to be typed.
     scp {folder}/{_ARI} {folder}/{_AMI} root@{host}:/etc/asterisk/
   and there:
     chown asterisk:asterisk /etc/asterisk/{_ARI} /etc/asterisk/{_AMI}
     chmod 640 /etc/asterisk/{_ARI} /etc/asterisk/{_AMI}

2. A certificate for {host}. FreePBX has one (Admin > Certificate Management: certificate.pem and webserver.key in
   /etc/asterisk/keys/integration): write those two names in step 3 where it is for the name {host}. Else make one:
     mkdir -p /etc/asterisk/keys
     openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN={host} -addext subjectAltName={kind}:{host} \\
       -keyout {_KEYS}.key -out {_KEYS}.crt
     chown asterisk:asterisk {_KEYS}.*; chmod 640 {_KEYS}.key
   The openssl of CentOS 7 has no -addext: make both files here with the same command, and copy them over.

3. FreePBX:
     fwconsole setting HTTPENABLED 1
     fwconsole setting ENABLE_ARI 1
     fwconsole setting HTTPTLSENABLE 1
     fwconsole setting HTTPTLSBINDADDRESS 0.0.0.0
     fwconsole setting HTTPTLSBINDPORT {ari_port}
     fwconsole setting HTTPTLSCERTFILE {_KEYS}.crt
     fwconsole setting HTTPTLSPRIVATEKEY {_KEYS}.key
{freepbx}
   Where TLS is on already keep its certificate and ports; where a channelvars stands already write its names before ours. Then:
     fwconsole reload
     asterisk -rx "module reload http"; asterisk -rx "module reload res_ari.so"; asterisk -rx "manager reload"

   Plain Asterisk:
{plain}
   Where HTTP or AMI is on already leave out enabled and bindaddr; where a channelvars stands already write its names before ours. Then:
     asterisk -rx "module reload http"; asterisk -rx "module reload res_ari.so"; asterisk -rx "manager reload"

4. Its firewall lets {here}, and nobody else, reach TCP {ari_port} and {ami_port}. FreePBX: Connectivity > Firewall, a custom service with
   both ports for the zone Local, and {here} in that zone. Elsewhere:
     nft add rule inet filter input ip saddr {here} tcp dport {{ {ari_port}, {ami_port} }} accept
   The ports in clear, 8088 and 5038, stay shut for other machines (bindaddr = 127.0.0.1).

To undo: take out these lines and both files, then the same commands again.

Here:

5. In textback.toml: pbx.ari = "https://{host}:{ari_port}"; pbx.ami.host = "{host}", pbx.ami.port = {ami_port}, pbx.ami.tls = true.

6. A certificate that only the PBX itself vouches for: copy {_KEYS}.crt to /etc/textback/pbx.pem, and
     systemctl edit textback      [Service] Environment=SSL_CERT_FILE=/etc/textback/pbx.pem
   and before commands: SSL_CERT_FILE=/etc/textback/pbx.pem textback doctor

7. The clocks of both machines agree (NTP).

What does not work from another machine:
{lost}
"""


def _listed(files: dict[str, str]) -> str:
    parts = []
    for name, text in files.items():
        parts += [f"   at the end of /etc/asterisk/{name}:", *(f"     {line}" for line in text.splitlines())]
    return "\n".join(parts)
