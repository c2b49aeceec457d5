"""Where an endpoint is: its URL is read, its name resolved, and every address that it has checked.

A connection goes to the very address that was checked, and is checked anew each time: a name that leads elsewhere by
then is refused.
"""

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from ipaddress import ip_address
from threading import Thread
from typing import Any, Final, NamedTuple

import httpcore
import httpx

from services.notifier.core.addresses import Address, Network, is_allowed, refused
from services.notifier.hooks.bounded import Bounded

Resolve = Callable[[str], Awaitable[Sequence[Address]]]
"""Every address of a name; raises `OSError` where it has none."""

RESOLVED_WITHIN: Final = 5.0
LONGEST_URL: Final = 2_000
_NUMBER: Final = re.compile(r"(\d+|0x[0-9a-f]*)\.?", re.IGNORECASE)
_AT_ONCE: Final = 32


class AddressRefused(Exception):
    """Nothing may be sent there, or nothing can be; the text says why."""


class Place(NamedTuple):
    """An endpoint's URL, as it is called."""

    scheme: str
    host: str
    """A name in ASCII, or an address without brackets."""
    port: int | None
    """None: the scheme's own."""
    path: bytes
    netloc: bytes
    """Host and port, as the header has them."""


def read_url(text: str) -> Place:
    """Read an endpoint's URL. Raises `AddressRefused` with what is wrong."""
    try:
        url = httpx.URL(text)
        named = url.host
    except (httpx.InvalidURL, UnicodeError):
        raise AddressRefused("This is no URL; write one such as https://example.com/hooks/keepwell.") from None
    if any(map(str.isspace, text)):
        raise AddressRefused("There is a space in the URL: leave it out, or write %20 where it belongs there.")
    if url.scheme not in {"https", "http"} or not named:
        raise AddressRefused("An endpoint's URL begins with https:// and names a host.")
    if url.userinfo:
        raise AddressRefused(
            "A URL with a user or password in it is kept nowhere: leave it out, and verify signatures."
        )
    if url.fragment or "#" in text:
        raise AddressRefused("A URL's fragment, from # on, is never sent: leave it out.")
    if url.port is not None and not 0 < url.port < 65_536:
        raise AddressRefused(f"There is no port {url.port}: ports go from 1 to 65535.")
    if len(text) > LONGEST_URL:
        raise AddressRefused(f"The URL is longer than {LONGEST_URL:,} characters.")
    host = url.raw_host.decode("ascii").strip("[]")
    if _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]) and _literal(host) is None:
        raise AddressRefused(f"{host} is no host: write an address as 203.0.113.9 is written.")
    return Place(url.scheme, host, url.port, url.raw_path, url.netloc)


class Guard:
    """Knows which addresses may be reached: public ones, and those in networks that ops have named."""

    def __init__(self, resolve: Resolve, networks: Sequence[Network] = ()) -> None:
        self._resolve = resolve
        self._networks = networks

    async def check(self, url: str) -> None:
        """Raises `AddressRefused` unless an endpoint may be there, as far as its name leads now."""
        place = read_url(url)
        await self.addresses(place.host, is_plain=place.scheme == "http")

    async def addresses(self, host: str, *, is_plain: bool) -> Sequence[Address]:
        """Where a host is, if all of it may be reached. Raises `AddressRefused`.

        Without TLS (`is_plain`) only networks that ops have named are reached.
        """
        literal = _literal(host)
        found = [literal] if literal is not None else await self._resolved(host)
        for one in found:
            if (why := refused(one, self._networks)) is not None:
                led = "" if literal is not None else f"{host} leads to {one}, and "
                raise AddressRefused(f"It may not be reached: {led}{why}. KEEPWELL_WEBHOOK_NETWORKS allows networks.")
            if is_plain and not is_allowed(one, self._networks):
                raise AddressRefused("Without TLS anybody on the way could read it: the URL must begin with https://.")
        return found

    async def _resolved(self, host: str) -> Sequence[Address]:
        try:
            async with asyncio.timeout(RESOLVED_WITHIN):
                found = await self._resolve(host)
        except (OSError, UnicodeError):  # a timeout is an OSError, too
            found = ()
        if not found:
            raise AddressRefused(f"The name {host} does not resolve: nobody knows an address of it.")
        return found


class SystemResolver:
    """Asks as the machine is set up, at most for so many names at once, each in a thread that no end of ours waits for:
    asking takes as long as it does."""

    def __init__(self) -> None:
        self._asking: dict[str, asyncio.Future[Sequence[Address]]] = {}

    async def __call__(self, host: str) -> Sequence[Address]:
        """Every address; whoever asks for a name that is being asked for gets the same answer."""
        asking = self._asking.get(host)
        if asking is None:
            if len(self._asking) >= _AT_ONCE:
                raise OSError("too many names are being asked for")
            asking = self._asking[host] = asyncio.get_running_loop().create_future()
            asking.add_done_callback(lambda done: (self._asking.pop(host, None), done.exception()))
            Thread(target=_ask, args=(host, asking), daemon=True, name="resolver").start()
        return await asyncio.shield(asking)


class CheckedBackend(httpcore.AsyncNetworkBackend):
    """Opens connections to addresses that were checked a moment ago, and to no others."""

    def __init__(self, guard: Guard, *, is_plain: bool) -> None:
        self._guard, self._is_plain = guard, is_plain
        self._backend = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Try a host's addresses in their order. TLS goes by the name all the same."""
        found = await self._guard.addresses(host, is_plain=self._is_plain)
        for one in found[:-1]:
            try:
                return Bounded(await self._backend.connect_tcp(str(one), port, timeout, local_address, socket_options))
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return Bounded(await self._backend.connect_tcp(str(found[-1]), port, timeout, local_address, socket_options))


def _ask(host: str, answer: "asyncio.Future[Sequence[Address]]") -> None:
    """Looks a name up, and hands it over to the loop that asked, if that is still there."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        told = partial(answer.set_result, [ip_address(one[4][0]) for one in found])
    except (OSError, ValueError) as error:
        told = partial(answer.set_exception, OSError(str(error)))
    with suppress(RuntimeError):
        answer.get_loop().call_soon_threadsafe(told)


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
