"""doctor and Asterisk's certificates: what is wrong with one, and that the fix it tells is one. Real certificates over real TLS sockets."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from ari_app import probes
from ari_app.settings import load
from tests.contract.clinic import program
from tests.test_doctor import a_service, an_asterisk, look, of, pbx, settings_at, status

CA = """
[ca]
default_ca = own
[own]
database = index.txt
new_certs_dir = .
rand_serial = yes
default_md = sha256
policy = any
copy_extensions = copy
[any]
commonName = supplied
"""
"""For openssl ca, the only one of its commands that dates a certificate back."""


async def openssl(folder: Path, *args: str) -> None:
    process = await asyncio.create_subprocess_exec(
        "openssl", *args, cwd=folder, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    _, said = await process.communicate()
    assert process.returncode == 0, said.decode()


async def a_certificate(folder: Path, name: str = "IP:127.0.0.1", *, ran_out: bool = False) -> tuple[Path, ssl.SSLContext]:
    """A self-signed certificate as people make one, and a server's context with it."""
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "pbx.key")
    new = (*key, "-subj", "/CN=pbx", "-addext", f"subjectAltName={name}")
    if ran_out:
        (folder / "ca.cnf").write_text(CA, "utf-8")
        (folder / "index.txt").touch()
        await openssl(folder, "req", "-new", *new, "-out", "pbx.csr")
        dates = ("-startdate", "20200101000000Z", "-enddate", "20210101000000Z")
        sign = ("-config", "ca.cnf", "-selfsign", "-keyfile", "pbx.key", "-in", "pbx.csr", "-out", "pbx.pem")
        await openssl(folder, "ca", "-batch", "-notext", *sign, *dates)
    else:
        await openssl(folder, "req", "-x509", *new, "-out", "pbx.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "pbx.pem", folder / "pbx.key")
    return folder / "pbx.pem", context


async def test_tls_where_there_is_none() -> None:
    async with an_asterisk() as base:
        found = await probes.ari(pbx(base.replace("http:", "https:")), "p4ss")
    assert (found.state, found.code) == ("bad", "pbx_tls")
    assert "tlsenable" in found.fix
    assert "SSL_CERT_FILE" not in found.fix


async def test_a_self_signed_certificate_is_told_with_what_to_do(tmp_path: Path) -> None:
    _, context = await a_certificate(tmp_path)
    async with an_asterisk(tls=context) as base:
        found = await probes.ari(pbx(base), "p4ss")
    assert (found.state, found.code) == ("bad", "pbx_tls")
    assert found.what.startswith(f"the certificate of {base} is not trusted (self")
    assert "Environment=SSL_CERT_FILE=" in found.fix
    assert "tlscertfile" in found.fix


async def doctor(config: Path, trusted: Path) -> str:
    """What the command says where SSL_CERT_FILE names a certificate: OpenSSL reads it when Python starts."""
    done = await asyncio.to_thread(program, config, "doctor", env={"SSL_CERT_FILE": str(trusted)})
    assert done.stderr == b""
    return done.stdout.decode()


async def test_the_fix_mends_it(tmp_path: Path) -> None:
    certificate, context = await a_certificate(tmp_path)
    async with an_asterisk(tls=context) as base:
        said = await doctor(settings_at(tmp_path, base), certificate)
    assert f"Asterisk 22.1.0 answers at {base}" in said
    assert "is not trusted" not in said


async def test_a_certificate_for_another_name_needs_another_fix(tmp_path: Path) -> None:
    certificate, context = await a_certificate(tmp_path, "DNS:pbx.example")
    async with an_asterisk(tls=context) as base:
        said = await doctor(settings_at(tmp_path, base), certificate)
    assert "write the name the certificate is for in pbx.ari" in said
    assert "SSL_CERT_FILE" not in said


async def test_a_certificate_that_ran_out(tmp_path: Path) -> None:
    certificate, context = await a_certificate(tmp_path, ran_out=True)
    async with an_asterisk(tls=context) as base:
        said = await doctor(settings_at(tmp_path, base), certificate)
    assert "(certificate has expired)" in said
    assert "renew Asterisk's certificate" in said


@pytest.mark.parametrize("connected", [True, False])
async def test_a_service_that_trusts_it_is_believed(tmp_path: Path, connected: bool) -> None:
    """Its unit has SSL_CERT_FILE, the shell that runs doctor may not."""
    _, context = await a_certificate(tmp_path)
    async with an_asterisk(tls=context) as base:
        config = settings_at(tmp_path, base)
        async with a_service(load(config), status(pbx={"connected": connected})):
            found = await look(config)
    states = of(found.items, "pbx")
    assert states == ([("ok", "pbx_connected")] if connected else [("bad", "pbx_tls"), ("bad", "pbx_lost")])
