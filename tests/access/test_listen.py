"""Where a server may listen."""

import pytest

from whispercpp_ws.access.listen import check_listen, is_loopback
from whispercpp_ws.config import ListenConfig, TokenConfig
from whispercpp_ws.errors import ConfigError


LOOPBACK = ["127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost", "LOCALHOST"]
OTHERS = ["0.0.0.0", "::", "", "192.168.1.5", "stt.example", "127.0.0.1.evil.example"]


@pytest.mark.parametrize("host", LOOPBACK)
def test_this_machine_needs_no_key(host: str) -> None:
    assert is_loopback(host)
    check_listen(ListenConfig(host=host), TokenConfig())


@pytest.mark.parametrize("host", OTHERS)
def test_other_addresses_need_a_key_or_insecure(host: str) -> None:
    assert not is_loopback(host)
    check_listen(ListenConfig(host=host), TokenConfig(key="a key"))
    check_listen(ListenConfig(host=host, insecure=True), TokenConfig())
    with pytest.raises(ConfigError, match="--insecure") as refused:
        check_listen(ListenConfig(host=host), TokenConfig())
    assert refused.value.field == "host"
