"""Each example begins by the one command that its head names."""

import asyncio
import os
import sys
from pathlib import Path

import httpx
import pytest

from tests.support.ports import free_ports
from tests.support.stream import until

ROOT = Path(__file__).parents[3]
SETTINGS = {
    "hubspot": {"HUBSPOT_TOKEN": "x"},
    "salesforce": {"SALESFORCE_URL": "https://x", "SALESFORCE_CLIENT_ID": "x", "SALESFORCE_CLIENT_SECRET": "x"},
    "segment": {"SEGMENT_WRITE_KEY": "x"},
}


@pytest.mark.parametrize("example", SETTINGS)
async def test_an_example_begins_and_lets_nobody_in(example: str, tmp_path: Path) -> None:
    port = free_ports()
    own = {"KEEPWELL_WEBHOOK_SECRET": "whsec_c2VjcmV0", "KEEPWELL_RECEIVER_STATE": str(tmp_path / "x.sqlite3")}
    given = {**os.environ, **SETTINGS[example], **own, "PORT": str(port)}
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", f"examples.{example}", cwd=ROOT, env=given)
    try:
        async with httpx.AsyncClient(trust_env=False) as client:

            async def refused() -> bool:
                try:
                    answer = await client.post(f"http://127.0.0.1:{port}/keepwell", content=b"{}")
                except httpx.ConnectError:
                    return False
                return answer.status_code == 401

            await until(refused)
    finally:
        process.terminate()
        await process.wait()
