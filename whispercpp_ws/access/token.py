"""Check JSON Web Tokens (RFC 7519) the way RFC 8725 asks for."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import jwt
from jwt.algorithms import has_crypto

from whispercpp_ws.config import TokenConfig
from whispercpp_ws.errors import ConfigError, Unauthorized


ALGORITHMS = ("HS256", "RS256")
MIN_SECRET_BYTES = 32
"""RFC 7518 section 3.2: an HS256 key is no shorter than its hash."""
MAX_TOKEN_BYTES = 4096
"""A token is hashed before it is refused; this bounds what strangers can cost us."""
MAX_UNIX_TIME = 1 << 40
"""The year 36812; NaN and infinity are not below it."""
LEEWAY_S = 5.0
"""Difference between our clock and the issuer's that is forgiven."""

_KNOWN_HEADERS = frozenset({"alg", "typ", "kid"})
_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,100}")

Claims = dict[str, object]


@dataclass(frozen=True, slots=True)
class Grant:
    """What a good token allows."""

    expires_at: float
    """Unix time; the connection must not outlive it."""
    subject: str = ""
    """`sub` of the token; sessions are taken up again by the same one only."""


class TokenChecker:
    """
    Check tokens against one key and one algorithm.

    `now` returns Unix time. `aud` and `iss` are checked when they are configured; a
    token that names an audience is refused when none is configured, since it was made
    for somebody else.

    Raises:
        ConfigError: the key cannot be used with the algorithm.
    """

    def __init__(self, config: TokenConfig, *, now: Callable[[], float]) -> None:
        _check_config(config)
        self._config = config
        self._now = now

    @property
    def is_required(self) -> bool:
        """Whether clients need a token: they do once there is a key."""
        return bool(self._config.key)

    def check(self, token: str | None) -> Grant:
        """
        Return what the token allows.

        Raises:
            Unauthorized: always with the same words, whatever is wrong.
        """
        try:
            return self._grant(token or "")
        except (jwt.PyJWTError, ValueError, RecursionError):
            # From None: the reason must reach neither the peer nor a log.
            raise Unauthorized(
                "expected a valid token, got none or one that is not valid; "
                "ask for a new one",
                field="token",
            ) from None

    def issue(self, grant: Grant, lifetime_s: int) -> tuple[str, int]:
        """
        Return a token for what a grant allows, and when it expires; never later.

        Raises:
            Unauthorized: this server has no key to sign with, only one to check with.
        """
        config, now = self._config, int(self._now())
        if config.algorithm != "HS256":
            raise Unauthorized(
                "expected HS256 to make tokens, got RS256: ask its issuer"
            )
        lifetime_s = min(lifetime_s, config.max_lifetime_s)
        expires = min(now + lifetime_s, int(grant.expires_at))
        named = {"sub": grant.subject, "aud": config.audience, "iss": config.issuer}
        claims: Claims = {name: text for name, text in named.items() if text}
        signed = jwt.encode(claims | {"iat": now, "exp": expires}, config.key, "HS256")
        return signed, expires

    def _grant(self, token: str) -> Grant:
        if len(token) > MAX_TOKEN_BYTES:
            raise ValueError
        _check_header(jwt.get_unverified_header(token))
        claims = self._verified_claims(token)
        # PyJWT refuses a `sub` that is no string.
        return Grant(self._checked_expiry(claims), str(claims.get("sub", "")))

    def _verified_claims(self, token: str) -> Claims:
        config = self._config
        claims: Claims = jwt.decode(
            token,
            config.key,
            algorithms=[config.algorithm],
            audience=config.audience or None,
            issuer=config.issuer or None,
            # Times are checked below, against the injected clock.
            options={
                "require": self._required_claims(),
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
            },
        )
        return claims

    def _required_claims(self) -> list[str]:
        optional = {"aud": self._config.audience, "iss": self._config.issuer}
        return ["exp", "iat", *(name for name, value in optional.items() if value)]

    def _checked_expiry(self, claims: Claims) -> float:
        now = self._now()
        expires, issued = _time(claims, "exp"), _time(claims, "iat")
        begins = _time(claims, "nbf") if "nbf" in claims else issued
        is_current = max(issued, begins) <= now + LEEWAY_S and now < expires
        if not is_current or expires - issued > self._config.max_lifetime_s:
            raise ValueError
        return expires


def _check_config(config: TokenConfig) -> None:
    if config.algorithm not in ALGORITHMS:
        raise ConfigError(
            f"token algorithm: expected one of {', '.join(ALGORITHMS)}, "
            f"got {config.algorithm!r}",
            field="algorithm",
        )
    if config.key and config.algorithm == "HS256":
        _check_secret(config.key)
    if config.key and config.algorithm == "RS256":
        _check_public_key(config.key)


def _check_secret(key: str) -> None:
    size = len(key.encode())
    if size < MIN_SECRET_BYTES:
        raise ConfigError(
            f"token key: expected at least {MIN_SECRET_BYTES} bytes for HS256, "
            f"got {size}; make one with `openssl rand -base64 32`",
            field="key",
        )
    if "-----BEGIN" in key:
        raise ConfigError(
            "token key: expected a shared secret for HS256, got a PEM key; "
            "set the algorithm to RS256",
            field="key",
        )


def _check_public_key(key: str) -> None:
    if not has_crypto:
        raise ConfigError(
            "token algorithm RS256: expected the package `cryptography`; "
            "run `pip install cryptography`",
            field="algorithm",
        )
    try:
        jwt.get_algorithm_by_name("RS256").prepare_key(key)
    except (jwt.PyJWTError, ValueError):
        raise ConfigError(
            "token key: expected a PEM public key for RS256, got something else",
            field="key",
        ) from None


def _check_header(header: Claims) -> None:
    """Refuse `crit`, `jku` and all else that would ask us to trust the token."""
    key_id = header.get("kid", "none")
    if not header.keys() <= _KNOWN_HEADERS or not _KEY_ID.fullmatch(str(key_id)):
        raise ValueError


def _time(claims: Claims, name: str) -> float:
    value = claims[name]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError
    # Also keeps float() from an OverflowError on an integer of 400 digits.
    if not 0 <= value < MAX_UNIX_TIME:
        raise ValueError
    return float(value)
