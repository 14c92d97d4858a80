"""A Wyoming server is found by those who look for one."""

import asyncio
import socket
import sys

import pytest
from zeroconf.asyncio import AsyncZeroconf

from whispercpp_ws.errors import ConfigError
from whispercpp_ws.server.announce import SERVICE, address_for_others, announced


LOOPBACK = ("127.0.0.1",)


async def test_a_server_is_found_while_it_runs_and_not_after() -> None:
    network = AsyncZeroconf(interfaces=list(LOOPBACK))
    name = f"whispercpp-ws-test.{SERVICE}"
    try:
        async with announced(
            "whispercpp-ws-test", "127.0.0.1", 10300, interfaces=LOOPBACK
        ):
            found = await network.async_get_service_info(SERVICE, name, 10_000)
            assert found is not None
            assert found.parsed_addresses() == ["127.0.0.1"]
            assert found.port == 10300
    finally:
        await network.async_close()


async def test_a_server_that_ends_at_once_announces_nothing() -> None:
    before = asyncio.all_tasks()
    async with announced("whispercpp-ws-test", "127.0.0.1", 1, interfaces=LOOPBACK):
        pass
    assert not {task for task in asyncio.all_tasks() - before if not task.done()}


def test_an_address_is_announced_as_it_is() -> None:
    assert str(address_for_others("192.168.1.2")) == "192.168.1.2"


@pytest.mark.parametrize("host", ["", "0.0.0.0"])
def test_all_addresses_are_announced_as_one_that_others_reach(host: str) -> None:
    packed = address_for_others(host).packed
    assert len(packed) == len(socket.inet_aton("127.0.0.1"))


@pytest.mark.parametrize("host", ["::1", "localhost"])
def test_what_is_no_ipv4_address_is_refused(host: str) -> None:
    with pytest.raises(ConfigError, match="--wyoming-name"):
        address_for_others(host)


async def test_without_zeroconf_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "zeroconf.asyncio", None)
    with pytest.raises(ConfigError, match=r"whispercpp-ws\[wyoming\]"):
        async with announced("x", "127.0.0.1", 1):
            pass
