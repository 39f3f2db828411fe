"""What stands between the network and a page: doors, headers, where a request comes from."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from pathlib import Path

import aiohttp
import pytest
import structlog
from structlog.testing import capture_logs

from ari_app.board import Role
from ari_app.desk import SHELL
from ari_app.errors import SettingsError
from ari_app.portal import security, server
from ari_app.portal.security import HEADERS
from ari_app.portal.server import Portal
from ari_app.standing import Standing
from tests.desk_world import GOOD, settings
from tests.portal.world import Stage, signed_in, stage
from tests.threads.world import until


def jar() -> aiohttp.CookieJar:
    return aiohttp.CookieJar(unsafe=True)


async def test_a_page_is_for_members_only(tmp_path: Path) -> None:
    async with stage(tmp_path) as where, aiohttp.ClientSession(where.url) as client:
        answer = await client.get("/thread/7?beside=8", allow_redirects=False)
        assert (answer.status, answer.headers["Location"]) == (303, "/sign-in?next=%2Fthread%2F7%3Fbeside%3D8")
        for path in ("/live", "/version"):
            assert (await client.get(path, allow_redirects=False)).status == 303
        assert (await client.post("/thread/7/reply", data={"text": "x"})).status == 401
        assert (await client.get("/thread/7", headers={"X-Textback": "fragment"})).status == 401


async def test_sign_in_gives_a_cookie_no_script_and_no_other_site_can_use(tmp_path: Path) -> None:
    async with stage(tmp_path) as where:
        await where.member(password=GOOD)
        async with aiohttp.ClientSession(where.url) as client:
            form = {"login": "anne", "password": GOOD, "next": "/thread/7"}
            answer = await client.post("/sign-in", data=form, allow_redirects=False)
            assert (answer.status, answer.headers["Location"]) == (303, "/thread/7")
            cookie = next(each for each in answer.headers.getall("Set-Cookie") if each.startswith("textback="))
            assert all(part in cookie for part in ("HttpOnly", "SameSite=Strict", "Path=/"))
            assert "Secure" not in cookie  # plain HTTP on the loopback: a browser would not send it back
            assert "Max-Age" not in cookie


@pytest.mark.parametrize("onward", ["//evil.example", "/\\evil.example", "https://evil.example", "evil", "", "/\tx"])
async def test_sign_in_leads_nowhere_else(tmp_path: Path, onward: str) -> None:
    async with stage(tmp_path) as where, aiohttp.ClientSession(where.url) as client:
        await where.member(password=GOOD)
        answer = await client.post("/sign-in", data={"login": "anne", "password": GOOD, "next": onward}, allow_redirects=False)
        assert answer.headers["Location"] == "/"


async def test_a_wrong_password_is_told_and_many_are_throttled_with_the_seconds(tmp_path: Path) -> None:
    async with stage(tmp_path) as where, aiohttp.ClientSession(where.url, headers={"Accept-Language": "fr-CA, en;q=0.5"}) as client:
        await where.member(password=GOOD)
        answer = await client.post("/sign-in", data={"login": "anne", "password": "no"})
        page = await answer.text()
        assert answer.status == 403
        assert "Nom d’utilisateur ou mot de passe erroné." in page
        assert 'value="anne"' in page
        assert "no" not in page.split('type="password"')[1].split(">")[0]
        for _ in range(30):
            answer = await client.post("/sign-in", data={"login": "anne", "password": "no"})
            if answer.status == 429:
                break
        assert answer.status == 429
        assert int(answer.headers["Retry-After"]) > 0
        assert f"Attendez {answer.headers['Retry-After']} secondes" in await answer.text()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "OURS"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Origin": "OURS"}, 303),
        ({"Sec-Fetch-Site": "same-origin"}, 303),
    ],
)
async def test_another_page_does_nothing_in_a_members_name(tmp_path: Path, headers: dict[str, str], status: int) -> None:
    async with stage(tmp_path) as where:
        await where.member(password=GOOD)
        thread = await where.missed()
        async with signed_in(where) as client:
            cookies = {each.key: each.value for each in client.cookie_jar}
        said = {name: where.url if value == "OURS" else value for name, value in headers.items()}
        async with aiohttp.ClientSession(where.url, cookies=cookies, cookie_jar=jar()) as other:
            answer = await other.post(f"/thread/{thread}/done", headers=said, allow_redirects=False)
        assert answer.status == status
        assert (await where.desk.rows((thread,)))[0].state == ("done" if status == 303 else "to_answer")


async def test_every_answer_has_its_headers_and_pages_are_not_kept(tmp_path: Path) -> None:
    async with stage(tmp_path) as where:
        await where.member(password=GOOD)
        thread = await where.missed()
        async with signed_in(where) as client:
            for path in ("/", f"/thread/{thread}", "/new", "/nothing", "/sign-in", "/version"):
                answer = await client.get(path)
                assert {name: answer.headers[name] for name in HEADERS} == HEADERS, path
            page = await (await client.get("/")).text()
            for name in where.portal.app.router.named_resources():
                assert name
            sheet = page.split('rel="stylesheet" href="')[1].split('"')[0]
            answer = await client.get(sheet)
            assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
            assert answer.headers["Content-Security-Policy"] == HEADERS["Content-Security-Policy"]
            older = await client.get(sheet.replace(sheet.split("/")[2], "0" * 12))
            assert (older.status, older.headers["Cache-Control"]) == (200, "no-cache")
            assert (await client.get("/static/x/..%2fserver.py")).status == 404


async def test_a_colleague_behind_the_same_router_locks_nobody_out_of_their_own_browser(tmp_path: Path) -> None:
    async with stage(tmp_path) as where:
        await where.member(password=GOOD)
        async with signed_in(where) as own:
            async with aiohttp.ClientSession(where.url) as other:
                for _ in range(8):
                    await other.post("/sign-in", data={"login": "anne", "password": "not hers"})
                assert (await other.post("/sign-in", data={"login": "anne", "password": GOOD})).status == 429
            await own.post("/sign-out")
            answer = await own.post("/sign-in", data={"login": "anne", "password": GOOD}, allow_redirects=False)
            assert answer.status == 303
            # it is known for her alone, and guessing in it is as slow as anywhere
            statuses = [(await own.post("/sign-in", data={"login": "anne", "password": "not hers"})).status for _ in range(7)]
            assert (statuses[0], statuses[-1]) == (403, 429)


async def test_what_a_browser_is_known_by_is_no_session_and_no_script_reads_it(tmp_path: Path) -> None:
    async with stage(tmp_path) as where, aiohttp.ClientSession(where.url) as client:
        await where.member(password=GOOD)
        answer = await client.post("/sign-in", data={"login": "anne", "password": GOOD}, allow_redirects=False)
        kept = next(each for each in answer.headers.getall("Set-Cookie") if each.startswith("browser="))
        assert all(each in kept for each in ("HttpOnly", "SameSite=Strict", "Path=/"))
        only = {"Cookie": f"textback={kept.removeprefix('browser=').partition(';')[0]}"}
        async with aiohttp.ClientSession(where.url, cookie_jar=aiohttp.DummyCookieJar()) as thief:
            assert (await thief.get("/", headers=only, allow_redirects=False)).status == 303


async def test_no_answer_says_what_serves_it(tmp_path: Path) -> None:
    async with stage(tmp_path) as where, aiohttp.ClientSession(where.url) as client:
        for path in ("/sign-in", "/static/x/nothing", "/api/v1/openapi.json", "/p/x/snom"):
            assert "Server" not in (await client.get(path)).headers


async def test_no_page_has_a_script_or_a_style_in_it(tmp_path: Path) -> None:
    async with stage(tmp_path) as where:
        await where.member(password=GOOD)
        thread = await where.missed()
        async with signed_in(where) as client:
            for path in ("/", f"/thread/{thread}", "/new", "/sign-in"):
                page = await (await client.get(path)).text()
                assert " style=" not in page
                assert "<style" not in page
                assert page.count("<script") == page.count('<script type="module" src=')
                assert " onclick" not in page


async def test_who_leaves_is_out_and_who_is_put_out_too(tmp_path: Path) -> None:
    async with stage(tmp_path) as where:
        anne = await where.member(password=GOOD)
        async with signed_in(where) as client, signed_in(where) as other:
            await client.post("/sign-out")
            answer = await client.get("/", allow_redirects=False)
            assert (answer.status, answer.headers["Location"]) == (303, "/sign-in?next=%2F")
            assert (await other.get("/", allow_redirects=False)).status == 200
            assert anne.member is not None
            await where.desk.end_sessions(anne.member, by=SHELL)
            assert (await other.get("/", allow_redirects=False)).headers["Location"] == "/sign-in?next=%2F&ended"


async def test_a_page_left_alone_ends_though_it_asks_by_itself(tmp_path: Path) -> None:
    async with stage(tmp_path) as where:
        await where.member(password=GOOD)
        async with signed_in(where) as client:
            for _ in range(4):
                where.clock.move(minutes=10)
                answer = await client.get("/version", headers={"X-Background": "1"}, allow_redirects=False)
            assert answer.status == 303
        async with signed_in(where) as client:
            for _ in range(4):
                where.clock.move(minutes=10)
                assert (await client.get("/", allow_redirects=False)).status == 200


async def test_administration_is_for_administrators(tmp_path: Path) -> None:
    async with stage(tmp_path) as where:
        await where.member(password=GOOD)
        await where.member("Chief", Role.ADMINISTRATOR, password=GOOD)
        async with signed_in(where) as client:
            assert (await client.get("/admin")).status == 403
            assert 'href="/admin"' not in await (await client.get("/")).text()
        async with signed_in(where, "chief") as client:
            assert (await client.get("/admin")).status == 200
            assert 'href="/admin"' in await (await client.get("/")).text()


async def audited_address(where: Stage, headers: dict[str, str]) -> str:
    async with aiohttp.ClientSession(where.url, headers=headers) as client:
        await client.post("/sign-in", data={"login": "anne", "password": GOOD}, allow_redirects=False)
    return (await where.desk.audit(SHELL))[0].address


async def test_only_a_proxy_of_ours_is_believed_where_a_browser_is(tmp_path: Path) -> None:
    told = {"X-Forwarded-For": "198.51.100.7, 203.0.113.9", "X-Forwarded-Proto": "https"}
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    async with stage(tmp_path / "a") as where:
        await where.member(password=GOOD)
        assert await audited_address(where, told) == "127.0.0.1"
    async with stage(tmp_path / "b", portal={"proxies": ["127.0.0.1", "203.0.113.0/24"]}) as where:
        await where.member(password=GOOD)
        assert await audited_address(where, told) == "198.51.100.7"
        assert await audited_address(where, {"X-Forwarded-For": "nonsense"}) == "127.0.0.1"
        async with aiohttp.ClientSession(where.url, headers=told) as client:
            answer = await client.post("/sign-in", data={"login": "anne", "password": GOOD}, allow_redirects=False)
            cookie = next(each for each in answer.headers.getall("Set-Cookie") if "textback=" in each)
            assert cookie.startswith("__Host-textback=")
            assert "Secure" in cookie


async def test_a_request_that_is_too_big_is_refused(tmp_path: Path) -> None:
    async with stage(tmp_path) as where:
        await where.member(password=GOOD)
        thread = await where.missed()
        async with signed_in(where) as client:
            answer = await client.post(f"/thread/{thread}/note", data={"text": "x" * 100_000, "nonce": "a"})
            assert answer.status == 413
            assert "too much at once" in await answer.text()
            upload = aiohttp.FormData()
            upload.add_field("text", b"x", filename="x.txt")
            assert (await client.post(f"/thread/{thread}/note", data=upload)).status == 400


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ("Content-Type: application/x-www-form-urlencoded", b"login=\xff\xfe"),
        ("Content-Type: application/x-www-form-urlencoded; charset=nonsense", b"login=a"),
        ("Content-Type: application/x-www-form-urlencoded\r\nContent-Encoding: gzip", b"login=a"),
        ("Content-Type: multipart/form-data", b"login=a"),
        ("Content-Type: application/json\r\nContent-Encoding: gzip", b"{}"),
    ],
)
@pytest.mark.parametrize("path", ["/sign-in", "/api/v1/segments"])
async def test_a_body_that_cannot_be_read_is_a_bad_request_and_no_fault_here(tmp_path: Path, path: str, headers: str, body: bytes) -> None:
    async with stage(tmp_path) as where:
        admin = await where.member(password=GOOD)
        assert admin.member is not None
        key = (await where.desk.make_key(admin.member, "api", None, "program", by=SHELL)).token
        with capture_logs() as logs:
            answer = await asked(where, f"POST {path}", f"Authorization: Bearer {key}", headers, body=body, length=len(body))
        assert answer.split()[1] in {b"400", b"403", b"415"}
        assert not [each for each in logs if each["event"] == "request_failed"]


async def asked(where: Stage, line: str, *headers: str, body: bytes = b"", length: int = 0) -> bytes:
    """A request as written here, and the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", where.portal.port)
    head = "\r\n".join([f"{line} HTTP/1.1", "Host: x", "Connection: close", f"Content-Length: {length}", *headers])
    writer.write(f"{head}\r\n\r\n".encode() + body)
    answer = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    return answer


@pytest.mark.parametrize(("path", "kind"), [("/sign-in", "application/x-www-form-urlencoded"), ("/api/v1/segments", "application/json")])
async def test_a_body_that_never_comes_holds_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, kind: str) -> None:
    monkeypatch.setattr(security, "SLOWEST", 0.2)
    async with stage(tmp_path) as where:
        member = await where.member(password=GOOD)
        assert member.member is not None
        key = (await where.desk.make_key(member.member, "api", None, "program", by=SHELL)).token
        answer = await asked(where, f"POST {path}", f"Authorization: Bearer {key}", f"Content-Type: {kind}", body=b"log", length=100)
        assert answer.split()[1] == b"408"


async def test_a_flood_of_connections_leaves_files_to_the_rest_of_the_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MOST", 3)
    async with stage(tmp_path) as where:

        async def silent() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
            return await asyncio.open_connection("127.0.0.1", where.portal.port)

        with capture_logs() as logs:
            inside = [await silent() for _ in range(3)]
            await until(lambda: where.portal.connections == 3)
            beyond = [await silent() for _ in range(2)]
            assert [await reader.read() for reader, _ in beyond] == [b"", b""]
        assert [each["event"] for each in logs] == ["too_many_connections"]
        inside[0][1].close()
        await until(lambda: where.portal.connections == 2)
        assert b" 200 " in await asked(where, "GET /sign-in")
        for _, writer in (*inside, *beyond):
            writer.close()
            await writer.wait_closed()


def certificate(folder: Path) -> dict[str, str]:
    made = {"certificate": str(folder / "portal.crt"), "key": str(folder / "portal.key")}
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
    ]
    subprocess.run(
        [*command, "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", made["key"], "-out", made["certificate"]],
        check=True,
        capture_output=True,
    )
    return made


async def test_tls_by_certificate_files(tmp_path: Path) -> None:
    files = certificate(tmp_path)
    async with stage(tmp_path, portal=files) as where:
        await where.member(password=GOOD)
        url = where.url.replace("http:", "https:")
        trust = ssl.create_default_context(cafile=files["certificate"])
        async with aiohttp.ClientSession(url, connector=aiohttp.TCPConnector(ssl=trust)) as client:
            answer = await client.post("/sign-in", data={"login": "anne", "password": GOOD}, allow_redirects=False)
            cookie = next(each for each in answer.headers.getall("Set-Cookie") if "textback=" in each)
            assert cookie.startswith("__Host-textback=")
            assert "Secure" in cookie
        old = ssl.create_default_context(cafile=files["certificate"])
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2
        reader, writer = await asyncio.open_connection("127.0.0.1", where.portal.port, ssl=old)
        assert writer.get_extra_info("ssl_object").version() == "TLSv1.2"
        writer.close()
        await writer.wait_closed()
        assert reader is not None


async def test_a_certificate_or_an_address_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    files = certificate(tmp_path) | {"key": str(tmp_path / "portal.crt")}  # no key in it
    async with stage(tmp_path) as where:
        unusable = Standing(settings(tmp_path / "textback.db", portal=files))
        with pytest.raises(SettingsError, match=r"portal\.certificate"):
            await Portal(unusable, where.desk, where.doors, where.clock, listen="127.0.0.1:0").run()
        taken = f"127.0.0.1:{where.portal.port}"
        with pytest.raises(SettingsError, match=r"portal\.listen"):
            await Portal(where.standing, where.desk, where.doors, where.clock, listen=taken).run()


async def test_logs_hold_no_words_no_names_and_no_numbers(tmp_path: Path) -> None:
    structlog.reset_defaults()
    async with stage(tmp_path) as where:
        await where.member(password=GOOD)
        thread = await where.missed()
        with capture_logs() as logs:
            async with signed_in(where) as client:
                await client.post("/search", data={"q": "Tremblay"})
                await client.get(f"/thread/{thread}")
                await client.post(f"/thread/{thread}/note", data={"text": "says her tooth hurts", "nonce": "a1"})
                await client.post("/sign-in", data={"login": "Tremblay", "password": "secret words"})
        said = str(logs)
        assert not any(each in said for each in ("Tremblay", "tooth", "5145550101", "secret words"))
