"""Webhooks that answer as a workflow of Microsoft Teams and as other chats do, and hold whoever posts to limits."""

import asyncio
import json
import re
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Final

import jsonschema  # type: ignore[import-untyped]

HANG: Final = object()
MOST_OF_TEAMS: Final = 28 * 1024
"""Bytes of a message's properties, the card in them as text."""
MOST_A_SECOND: Final = 4
MOST_OF_CHAT: Final = 4_096
"""Google Chat's."""
ALIVE: Final = re.compile(
    r"(?<![\w.+-])@\w|@(?:everyone|here)|@(?:all|channel)(?![\w.-])|<[!@#]|\]\(|://|\bwww\.|```|^\s*#|#\w|&#?\w+;",
    re.I | re.M,
)
"""What pings somebody or makes a link, in one chat or another."""

_SCHEMA: Final = json.loads(files("adaptive_cards").joinpath("schemas/schema-1.5.json").read_text(encoding="utf-8"))
_VALIDATOR: Final = jsonschema.Draft6Validator(_SCHEMA)
_RUNS: Final = frozenset({"RichTextBlock", "TextRun"})

Answer = tuple[int, dict[str, str], bytes]


def faults(card: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with a card: by the schema of adaptive cards, and by what Teams renders of it."""
    # Teams' own property is not in the schema.
    own = {name: value for name, value in card.items() if name != "msteams"}
    yield from (error.message[:200] for error in _VALIDATOR.iter_errors(own))
    yield from misread(card)


def misread(card: Mapping[str, Any]) -> Iterator[str]:
    """What Teams would not show, or as more than text."""
    if card.get("version") not in {"1.2", "1.3", "1.4", "1.5"}:
        yield f"version {card.get('version')}"
    for element in _elements(card.get("body", [])):
        kind = element.get("type")
        if kind not in _RUNS:
            yield f"{kind}, whose text would be read as Markdown"
        if kind == "RichTextBlock" and not element["inlines"]:
            yield "a line of nothing"
        if kind == "TextRun" and not element["text"]:
            yield "a run of nothing"
    if set(card.get("msteams", {})) - {"width"}:
        yield "a mention"


def teams_size(body: Mapping[str, Any]) -> int:
    """The bytes that Teams counts: the card is kept as text within the message's properties."""
    cards = json.dumps([json.dumps(one["content"], ensure_ascii=False) for one in body["attachments"]])
    return len(cards.encode())


def _elements(values: Any) -> Iterator[Mapping[str, Any]]:
    for value in values:
        if isinstance(value, Mapping):
            yield value
            yield from _elements(value.get("inlines", ()))


@dataclass
class Posted:
    """One request that a sink got."""

    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class HookSink:
    """A webhook that judges what it gets. `answers` are used up first; `HANG` takes the request and never answers."""

    judge: Callable[[Any, float], Answer]
    url: str = ""
    got: list[Posted] = field(default_factory=list)
    answers: list[Any] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer requests, one after the other, until the other side has left."""
        try:
            while await self._one(reader, writer):
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        content = await reader.readexactly(int(headers["content-length"]))
        self.got.append(Posted(first.split()[1], headers, json.loads(content)))
        self.arrived.set()
        answer = self.answers.pop(0) if self.answers else self.judge(content, asyncio.get_running_loop().time())
        if answer is HANG:
            await reader.read()
            return False
        status, extra, body = answer
        said = "".join(f"{name}: {value}\r\n" for name, value in extra.items())
        writer.write(f"HTTP/1.1 {status} X\r\n{said}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        return True


@dataclass
class Workflow:
    """Power Automate's "When a Teams webhook request is received", and the Teams behind it."""

    before: deque[float] = field(default_factory=deque)

    def judge(self, content: bytes, at: float) -> Answer:
        """Take a card with 202, refuse what is none or too large, and be busy after four in a second."""
        body = json.loads(content)
        attachments = body.get("attachments") if isinstance(body, dict) and body.get("type") == "message" else None
        if not attachments or set(body) != {"type", "attachments"}:
            return _refused("TriggerInputSchemaMismatch")
        for one in attachments:
            is_card = one.get("contentType") == "application/vnd.microsoft.card.adaptive" and "contentUrl" in one
            if not is_card or list(faults(one["content"])):
                return _refused("InvalidParameter")
        if len(content) > MOST_OF_TEAMS or teams_size(body) > MOST_OF_TEAMS:
            return _refused("MessageSizeExceeded")
        while self.before and self.before[0] <= at - 1:
            self.before.popleft()
        if len(self.before) >= MOST_A_SECOND:
            return 429, {"Retry-After": "1"}, b""
        self.before.append(at)
        return 202, {"x-ms-workflow-run-id": "08584402-CU12"}, b""


def chat(content: bytes, at: float) -> Answer:
    """Take text as Google Chat, the strictest, does."""
    del at
    body = json.loads(content)
    if set(body) != {"text"} or not body["text"] or len(body["text"]) > MOST_OF_CHAT:
        return _refused("INVALID_ARGUMENT")
    return 200, {"Content-Type": "application/json"}, b"{}"


def _refused(code: str) -> Answer:
    return 400, {"Content-Type": "application/json"}, json.dumps({"error": {"code": code, "message": "no"}}).encode()


@asynccontextmanager
async def a_hook(judge: Callable[[Any, float], Answer]) -> AsyncIterator[HookSink]:
    """A webhook on a port of its own."""
    sink = HookSink(judge)
    sessions: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if (task := asyncio.current_task()) is not None:
            sessions.add(task)
        await sink.serve(reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    sink.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/workflows/1?sig=verysecretpath"
    try:
        yield sink
    finally:
        for task in sessions:
            task.cancel()
        await asyncio.gather(*sessions, return_exceptions=True)
        server.close()
        await server.wait_closed()
