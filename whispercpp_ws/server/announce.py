"""Tell the local network of a Wyoming server (zeroconf), for Home Assistant to find."""

import asyncio
import contextlib
import importlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import IPv4Address
from typing import Any

from whispercpp_ws.errors import ConfigError


SERVICE = "_wyoming._tcp.local."
ELSEWHERE = ("192.0.2.1", 9)
"""Nobody's address (RFC 5737): the way there shows which of ours others see."""


@asynccontextmanager
async def announced(
    name: str, host: str, port: int, *, interfaces: tuple[str, ...] = ()
) -> AsyncIterator[None]:
    """
    Announce a service within the block; `interfaces` are all unless some are named.

    Raises:
        ConfigError: zeroconf is not installed, or the address is no IPv4 address.
    """
    zeroconf, address = _zeroconf(), address_for_others(host)
    service = zeroconf.AsyncServiceInfo(
        SERVICE, f"{name}.{SERVICE}", addresses=[address.packed], port=port
    )
    chosen = {"interfaces": list(interfaces)} if interfaces else {}
    network = zeroconf.AsyncZeroconf(**chosen)
    # It asks for a second whether the name is taken; the server need not wait.
    announcing = asyncio.create_task(_announce(network, service))
    try:
        yield
    finally:
        announcing.cancel()
        await asyncio.gather(announcing, return_exceptions=True)
        await network.async_unregister_all_services()
        await network.async_close()


def address_for_others(host: str) -> IPv4Address:
    """
    Return where others reach a server that listens on `host`.

    Raises:
        ConfigError: `host` is no IPv4 address; the protocol announces no other.
    """
    try:
        address = IPv4Address(host or "0.0.0.0")
    except ValueError:
        raise ConfigError(
            f"host: expected an IPv4 address to announce, got {host!r}; "
            "leave out --wyoming-name, or name another",
            field="host",
        ) from None
    return _own_address() if address.is_unspecified else address


def _own_address() -> IPv4Address:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        with contextlib.suppress(OSError):
            # Sends nothing.
            probe.connect(ELSEWHERE)
        return IPv4Address(probe.getsockname()[0])


async def _announce(network: Any, service: Any) -> None:
    await (await network.async_register_service(service, allow_name_change=True))


def _zeroconf() -> Any:
    try:
        return importlib.import_module("zeroconf.asyncio")
    except ImportError:
        raise ConfigError(
            "wyoming-name: announcing needs the package zeroconf; "
            "install whispercpp-ws[wyoming]",
            field="wyoming_name",
        ) from None
