"""What a person does with the page, and what they see."""

import json
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Page, Request, WebSocket, expect


ROOT = Path(__file__).parents[2]
SHOTS = ROOT / "build" / "screenshots"
KEPT_SHOTS = Path(__file__).parent / "screenshots"
"""Shown in README; `make screenshots` writes them."""
LOCAL = {"127.0.0.1", "speech.test"}
PATIENCE_MS = 60_000
"""A busy machine decodes slowly; nothing here waits for longer than it must."""
POLL_MS = 50
OWN_SCHEMES = {"http", "ws", "blob", "data"}


class Visit:
    """One page, with everything it asked for and complained about."""

    def __init__(self, page: Page, url: str, *, may_fail: bool) -> None:
        self.page = page
        self.url = url
        self.sent: list[dict[str, Any]] = []
        self.audio_bytes = 0
        self.hosts: set[str] = set()
        self.problems: list[str] = []
        self._may_fail = may_fail
        page.set_default_timeout(PATIENCE_MS)
        page.on("request", self._asked)
        page.on("websocket", self._connected)
        page.on("console", lambda m: self._complained(m.type, m.text))
        page.on("pageerror", lambda error: self.problems.append(str(error)))

    async def open(self) -> None:
        await self.page.goto(self.url)
        await self.page.wait_for_load_state("networkidle")

    def check(self) -> None:
        """Nothing left the machine, and nothing was written to the console."""
        assert self.hosts <= LOCAL
        assert self.problems == []

    @property
    def ops(self) -> list[str]:
        return [message["op"] for message in self.sent]

    async def start(self) -> None:
        await self.page.click("#toggle")

    async def stop(self) -> None:
        await self.page.click("#toggle")
        await self.sees_state("Ready")

    async def sees_state(self, text: str) -> None:
        state = self.page.locator("#state")
        await expect(state).to_contain_text(text, timeout=PATIENCE_MS)

    async def sees_problem(self, text: str) -> None:
        problem = self.page.locator("#problem")
        await expect(problem).to_contain_text(text, timeout=PATIENCE_MS)

    async def sees_finals(self, text: str) -> None:
        finals = self.page.locator("#finals")
        await expect(finals).to_contain_text(text, timeout=PATIENCE_MS)

    async def sees_tentative_text(self, timeout_ms: int = PATIENCE_MS) -> None:
        tentative = self.page.locator("#tentative")
        await expect(tentative).to_have_text(re.compile(r"\w"), timeout=timeout_ms)

    async def has_sent_seconds(self, seconds: float) -> None:
        """Wait until so much PCM16 was sent; the test's timeout bounds it."""
        while not self.sent or self.audio_bytes < 2 * self.sent[0]["rate"] * seconds:
            await self.page.wait_for_timeout(POLL_MS)

    async def text(self) -> str:
        """Return the finals, one line each."""
        lines = await self.page.locator("#finals p").all_inner_texts()
        return "\n".join(lines)

    async def words(self) -> list[str]:
        return re.findall(r"\w+", (await self.text()).lower())

    async def colour(self, selector: str) -> str:
        script = "element => getComputedStyle(element).color"
        colour: str = await self.page.locator(selector).first.evaluate(script)
        return colour

    async def drop(self, path: Path) -> None:
        """Drop a file on the page, as from a file manager."""
        transfer = await self.page.evaluate_handle(
            """async ([bytes, name]) => {
                const transfer = new DataTransfer();
                transfer.items.add(new File([new Uint8Array(bytes)], name));
                return transfer;
            }""",
            [_bytes_of(path), path.name],
        )
        for name in ("dragover", "drop"):
            await self.page.dispatch_event("body", name, {"dataTransfer": transfer})

    async def photograph(self, name: str, *, keep: bool = False) -> None:
        folder = KEPT_SHOTS if keep and os.environ.get("KEEP_SCREENSHOTS") else SHOTS
        folder.mkdir(parents=True, exist_ok=True)
        await self.page.screenshot(path=folder / f"{name}.png")

    def _asked(self, request: Request) -> None:
        url = urlsplit(request.url)
        assert url.scheme in OWN_SCHEMES, request.url
        if url.hostname:
            self.hosts.add(url.hostname)

    def _connected(self, socket: WebSocket) -> None:
        self.hosts.add(urlsplit(socket.url).hostname or "")
        socket.on("framesent", self._sent)

    def _sent(self, frame: bytes | str) -> None:
        if isinstance(frame, str):
            self.sent.append(json.loads(frame))
        else:
            self.audio_bytes += len(frame)

    def _complained(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"} and not self._may_fail:
            self.problems.append(f"{kind}: {text}")


def _bytes_of(path: Path) -> list[int]:
    return list(path.read_bytes())
