"""Tokens: one good shape, and the table of attacks of RFC 8725."""

import base64
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from whispercpp_ws.access import token as token_module
from whispercpp_ws.access.token import TokenChecker
from whispercpp_ws.config import TokenConfig
from whispercpp_ws.errors import ConfigError, Unauthorized


NOW = 1_800_000_000
KEY = "a shared secret of sixty-four bytes, since PyJWT wants that for HS512"
GOOD = {"iat": NOW - 10, "exp": NOW + 60}


def checker(**config: Any) -> TokenChecker:
    return TokenChecker(TokenConfig(key=KEY, **config), now=lambda: NOW)


def signed(
    claims: dict[str, Any], headers: dict[str, Any] | None = None, alg: str = "HS256"
) -> str:
    payload = json.dumps(claims).encode()
    return jwt.PyJWS().encode(payload, KEY, alg, headers)


def unsigned(algorithm: str) -> str:
    """Build what a library would not: a token without a signature."""
    parts = ({"alg": algorithm, "typ": "JWT"}, GOOD)
    return ".".join(_part(json.dumps(part).encode()) for part in parts) + "."


def _part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@pytest.fixture(scope="module")
def rsa_keys() -> tuple[str, str]:
    """Make a private and a public PEM key."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = serialization.Encoding.PEM
    private_pem = private.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public_pem = private.public_key().public_bytes(
        pem, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private_pem.decode(), public_pem.decode()


def test_a_good_token_is_granted_until_it_expires() -> None:
    assert checker().check(signed(GOOD)).expires_at == NOW + 60


def test_an_ordinary_key_id_is_no_harm() -> None:
    assert checker().check(signed(GOOD, {"kid": "2027-01"}))


def test_rs256_tokens_are_checked_with_the_public_key(
    rsa_keys: tuple[str, str],
) -> None:
    private, public = rsa_keys
    config = TokenConfig(key=public, algorithm="RS256")
    token = jwt.encode(GOOD, private, "RS256")
    assert TokenChecker(config, now=lambda: NOW).check(token)


@pytest.mark.parametrize("audience", ["stt", ["other", "stt"]])
def test_audience_and_issuer_are_checked_when_configured(audience: object) -> None:
    strict = checker(audience="stt", issuer="me")
    assert strict.check(signed(GOOD | {"aud": audience, "iss": "me"}))
    for wrong in ({"aud": "x", "iss": "me"}, {"aud": "stt", "iss": ["me"]}, {}):
        with pytest.raises(Unauthorized):
            strict.check(signed(GOOD | wrong))


BAD_TOKENS = {
    "none": None,
    "empty": "",
    "not a token": "a.b.c",
    "alg none": unsigned("none"),
    "alg NoNe": unsigned("NoNe"),
    "HS512": signed(GOOD, alg="HS512"),
    "another key": jwt.encode(GOOD, KEY[::-1], "HS256"),
    "cut": signed(GOOD)[:-2],
    "expired": signed({"iat": NOW - 60, "exp": NOW - 1}),
    "expires now": signed({"iat": NOW - 60, "exp": NOW}),
    "no exp": signed({"iat": NOW}),
    "no iat": signed({"exp": NOW + 60}),
    "exp 1e308": signed({"iat": NOW, "exp": 1e308}),
    "exp infinite": signed({"iat": NOW, "exp": float("inf")}),
    "exp NaN": signed({"iat": NOW, "exp": float("nan")}),
    "exp of 400 digits": signed({"iat": NOW, "exp": 10**400}),
    "exp as text": signed({"iat": NOW, "exp": str(NOW + 60)}),
    "exp true": signed({"iat": NOW, "exp": True}),
    "exp null": signed({"iat": NOW, "exp": None}),
    "too long a life": signed({"iat": NOW, "exp": NOW + 3601}),
    "iat in the future": signed({"iat": NOW + 60, "exp": NOW + 90}),
    "iat negative": signed({"iat": -1, "exp": NOW + 60}),
    "nbf in the future": signed(GOOD | {"nbf": NOW + 30}),
    "nbf as text": signed(GOOD | {"nbf": "now"}),
    "another's audience": signed(GOOD | {"aud": "another"}),
    "crit": signed(GOOD, {"crit": ["exp"]}),
    "kid ../": signed(GOOD, {"kid": "../../dev/null"}),
    "kid empty": signed(GOOD, {"kid": ""}),
    "jku": signed(GOOD, {"jku": "https://evil.example/keys"}),
    "jwk": signed(GOOD, {"jwk": {"kty": "oct", "k": "AA"}}),
    "x5u": signed(GOOD, {"x5u": "https://evil.example/cert"}),
    "claims too deep": f"{_part(b'{}')}.{_part(b'[' * 2000)}.",
    "header too deep": f"{_part(b'[' * 2000)}..",
    "over 4096 bytes": signed(GOOD | {"x": "y" * 4096}),
    "a megabyte": "x" * (1 << 20),
    "a lone surrogate": "\ud800.a.b",
}


@pytest.mark.parametrize("token", BAD_TOKENS.values(), ids=BAD_TOKENS)
def test_a_bad_token_is_refused_without_a_reason(token: str | None) -> None:
    with pytest.raises(Unauthorized) as refused:
        checker().check(token)
    assert "expected a valid token" in str(refused.value)
    assert (refused.value.field, refused.value.__cause__) == ("token", None)


def test_all_refusals_read_the_same() -> None:
    reasons = set()
    for token in BAD_TOKENS.values():
        with pytest.raises(Unauthorized) as refused:
            checker().check(token)
        reasons.add(str(refused.value))
    assert len(reasons) == 1


def test_a_public_key_cannot_be_used_as_a_secret(rsa_keys: tuple[str, str]) -> None:
    _private, public = rsa_keys
    header, claims = _part(b'{"alg":"HS256"}'), _part(json.dumps(GOOD).encode())
    config = TokenConfig(key=public, algorithm="RS256")
    with pytest.raises(Unauthorized):
        TokenChecker(config, now=lambda: NOW).check(f"{header}.{claims}.AAAA")


@given(st.text())
def test_any_text_is_just_unauthorized(text: str) -> None:
    with pytest.raises(Unauthorized):
        checker().check(text)


def test_a_token_is_required_once_there_is_a_key() -> None:
    assert checker().is_required
    assert not TokenChecker(TokenConfig(), now=lambda: NOW).is_required


@pytest.mark.parametrize(
    ("config", "field"),
    [
        (TokenConfig(key=KEY, algorithm="none"), "algorithm"),
        (TokenConfig(algorithm="HS512"), "algorithm"),
        (TokenConfig(key="short"), "key"),
        (TokenConfig(key="-----BEGIN PUBLIC KEY-----\nAAAAAAAAAAAA"), "key"),
        (TokenConfig(key=KEY, algorithm="RS256"), "key"),
    ],
)
def test_an_unusable_key_is_refused_at_start(config: TokenConfig, field: str) -> None:
    with pytest.raises(ConfigError) as refused:
        TokenChecker(config, now=lambda: NOW)
    assert refused.value.field == field
    assert KEY not in str(refused.value)


def test_rs256_without_cryptography_names_the_package(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(token_module, "has_crypto", False)
    with pytest.raises(ConfigError, match="pip install cryptography"):
        checker(algorithm="RS256")
