"""schemathesis holds the API to its own description, over a real socket, as an administrator: bounded, and the same each time."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from tests.portal.served import Served, served
from tests.threads.world import BOB

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
)
OUT = ("revoke_key", "change_member")
"""They can end the very key they are asked with: by themselves, last."""


async def fuzz(here: Served, folder: Path, *chosen: str) -> tuple[int, str]:
    """What schemathesis ends with, and what it says. ``folder``: where it leaves what it keeps."""
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("schemathesis"),
        "run",
        f"{here.url}/api/v1/openapi.json",
        "--header",
        f"Authorization: Bearer {await here.key(here.administrator)}",
        "--checks",
        ",".join(CHECKS),
        "--phases",
        "coverage,fuzzing",
        "--max-examples",
        "6",
        "--seed",
        "20261126",
        "--generation-deterministic",
        # a cookie made up beside the key would be refused as another site's request, before anything is looked at
        "--generation-with-security-parameters",
        "false",
        "--warnings",
        "off",
        "--no-shrink",
        "--no-color",
        *chosen,
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        told, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, told.decode()


@pytest.mark.timeout(300)
async def test_whatever_is_sent_the_answer_is_one_that_is_described(tmp_path: Path) -> None:
    async with served(tmp_path) as here:
        thread = await here.clinic.caller()
        await here.clinic.caller(BOB)
        await here.clinic.caller(None)
        await here.clinic.desk.reply(thread, "Bonjour", by=here.administrator, act="first")
        status, told = await fuzz(here, tmp_path, *(part for name in (*OUT, "events") for part in ("--exclude-operation-id", name)))
        assert status == 0, told
        # it was somebody who may, to the end
        async with here.session.get(
            f"{here.url}/api/v1/members", headers={"Authorization": f"Bearer {await here.key(here.administrator)}"}
        ) as answer:
            assert answer.status == 200
        status, told = await fuzz(here, tmp_path, *(part for name in OUT for part in ("--include-operation-id", name)))
        assert status == 0, told
