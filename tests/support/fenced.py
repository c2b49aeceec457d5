"""A real broker whose controller has not let it in yet: it answers, and names no broker for a while."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_METADATA = 3
_NO_BROKERS = struct.pack(">i", 0)


class FencedBroker:
    """Hands on what clients ask of a broker, and empties its first `times` lists of brokers."""

    def __init__(self, bootstrap: str, times: int) -> None:
        self._host, _, self._port = bootstrap.rpartition(":")
        self.times = times
        self.bootstrap = ""

    @asynccontextmanager
    async def running(self) -> AsyncIterator["FencedBroker"]:
        """Listen on a free port, until the end of the block."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        async with server:
            host, port = server.sockets[0].getsockname()
            self.bootstrap = f"{host}:{port}"
            yield self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, to_there = await asyncio.open_connection(self._host, int(self._port))
        try:
            while True:
                request = await _framed(reader)
                to_there.write(struct.pack(">i", len(request)) + request)
                answer = await _framed(there)
                key, version = struct.unpack_from(">hh", request)
                if key == _METADATA and self.times > 0:
                    self.times -= 1
                    answer = _without_brokers(answer, version)
                writer.write(struct.pack(">i", len(answer)) + answer)
        except asyncio.IncompleteReadError:
            pass
        finally:
            to_there.close()
            writer.close()


async def _framed(reader: asyncio.StreamReader) -> bytes:
    [length] = struct.unpack(">i", await reader.readexactly(4))
    return await reader.readexactly(length)


def _without_brokers(answer: bytes, version: int) -> bytes:
    """A Metadata answer without its brokers, which follow the correlation id (and from version 3 the throttle time)."""
    place = 4 if version < 3 else 8
    [count] = struct.unpack_from(">i", answer, place)
    rest = place + 4
    for _ in range(count):
        rest += 4  # node id
        rest += 2 + struct.unpack_from(">h", answer, rest)[0]  # host
        rest += 4  # port
        if version >= 1:
            rest += 2 + max(0, struct.unpack_from(">h", answer, rest)[0])  # rack, or none
    return answer[:place] + _NO_BROKERS + answer[rest:]
