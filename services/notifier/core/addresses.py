"""Which addresses an endpoint may have: public ones, and those in networks that ops have named.

Not by a list of what is known to be bad alone: an IPv6 address must be global unicast, and what holds an IPv4 address
(mapped, translated, 6to4) is as good as that.
"""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_SPECIAL: Final = tuple(
    map(
        ip_network,
        (
            # https://www.iana.org/assignments/iana-ipv4-special-registry
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
            *("192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16"),
            *("192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
            # https://www.iana.org/assignments/iana-ipv6-special-registry, of what is global unicast
            *("2001::/23", "2001:db8::/32", "2620:4f:8000::/48", "3fff::/20"),
        ),
    )
)
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
_TRANSLATED: Final = IPv6Network("64:ff9b::/96")
_6TO4: Final = IPv6Network("2002::/16")
_METADATA: Final = frozenset(
    map(
        ip_address,
        ("169.254.169.254", "169.254.170.2", "100.100.100.200", "192.0.0.192", "168.63.129.16", "fd00:ec2::254"),
    )
)
"""Where clouds tell a machine its secrets. One of them is public, and some lie in networks that ops may well name."""


def read_networks(text: str) -> tuple[Network, ...]:
    """Read `10.1.0.0/16, 127.0.0.0/8`. Raises `ValueError` with what is wrong."""
    found = []
    for one in filter(None, map(str.strip, text.split(","))):
        try:
            found.append(ip_network(one))
        except ValueError:
            words = f"`{one}` is no network; write one such as 10.1.0.0/16, or several with commas between"
            raise ValueError(words) from None
    return tuple(found)


def refused(address: Address, allowed: Sequence[Network] = ()) -> str | None:
    """Why nothing may be sent to an address, in words; None where it may be."""
    plain = _plain(address)
    if is_allowed(plain, allowed):
        return None
    if plain in _METADATA:
        return f"{address} is where a cloud tells its machines their secrets"
    inner = _inner(plain)
    if inner is not None:
        return f"{address} leads to a network of its own" if _is_special(inner) or inner in _METADATA else None
    return f"{address} is no public address" if _is_special(plain) else None


def is_allowed(address: Address, allowed: Iterable[Network]) -> bool:
    """Whether it lies in a network that ops have named; where secrets are told, only if just that address is named."""
    plain = _plain(address)
    named = [one for one in allowed if one.version == plain.version and plain in one]
    return any(one.num_addresses == 1 for one in named) if plain in _METADATA else bool(named)


def _plain(address: Address) -> Address:
    """The IPv4 address that an IPv6 address is another way to write of."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _inner(address: Address) -> IPv4Address | None:
    """The IPv4 address that what is sent to an IPv6 address comes to."""
    if isinstance(address, IPv6Address):
        if address in _TRANSLATED:
            return IPv4Address(int(address) & 0xFFFFFFFF)
        if address in _6TO4:
            return IPv4Address(int(address) >> 80 & 0xFFFFFFFF)
    return None


def _is_special(address: Address) -> bool:
    if isinstance(address, IPv6Address) and (address not in _GLOBAL_UNICAST or address.scope_id is not None):
        return True
    return any(address.version == one.version and address in one for one in _SPECIAL)
