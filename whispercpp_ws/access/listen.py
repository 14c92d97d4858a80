"""Decide whether a server may listen where it is told to."""

from ipaddress import ip_address

from whispercpp_ws.config import ListenConfig, TokenConfig
from whispercpp_ws.errors import ConfigError


def check_listen(listen: ListenConfig, tokens: TokenConfig) -> None:
    """
    Refuse to serve strangers by accident.

    Raises:
        ConfigError: the address is not loopback, there is no token key, and
            `insecure` does not allow it.
    """
    if is_loopback(listen.host) or tokens.key or listen.insecure:
        return
    raise ConfigError(
        f"host: {listen.host or 'all addresses'} can be reached from other machines; "
        "set a token key, or allow everybody with --insecure",
        field="host",
    )


def is_loopback(host: str) -> bool:
    """Tell whether an address can be reached from this machine only."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
