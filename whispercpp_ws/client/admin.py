"""Ask a running server what models it has loaded, and to change them."""

import json
from dataclasses import dataclass

import aiohttp

from whispercpp_ws.errors import ServiceError, SpeechError, error_from_code


LOAD_TIMEOUT_S = 3600.0
"""A large model may have to be fetched first."""


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model that a server has loaded."""

    name: str
    lanes: int
    decodes: int
    is_default: bool


async def loaded_models(url: str, *, token: str = "") -> list[ServedModel]:
    """Return what a server has loaded; `url` as in http://127.0.0.1:2700."""
    return await _ask("GET", f"{url}/admin/models", token)


async def change_model(
    url: str, action: str, name: str, *, token: str = ""
) -> list[ServedModel]:
    """
    Ask for `load`, `use` or `unload` of a model and return what is loaded then.

    Raises:
        ServiceError: the server cannot be reached, or is none of ours.
        SpeechError: what the server says it failed with.
    """
    return await _ask("POST", f"{url}/admin/models/{name}/{action}", token)


async def _ask(method: str, url: str, token: str) -> list[ServedModel]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    timeout = aiohttp.ClientTimeout(total=LOAD_TIMEOUT_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, headers=headers) as http,
            http.request(method, url) as answer,
        ):
            return _models(await answer.text())
    except aiohttp.ClientError as error:
        raise ServiceError(f"{url}: no server answers ({error})") from error


def _models(text: str) -> list[ServedModel]:
    try:
        body = json.loads(text)
        if "error" in body:
            raise _failure(body["error"])
        return [ServedModel(**model) for model in body["models"]]
    except (KeyError, TypeError, ValueError) as error:
        raise ServiceError(
            f"expected a whispercpp-ws server, got {text:.80}"
        ) from error


def _failure(fields: dict[str, str]) -> SpeechError:
    return error_from_code(fields["code"], fields["message"])
