"""AssemblyAI's streaming client: python assemblyai_client.py PORT PCM, 16 kHz PCM16."""

import json
import sys
from pathlib import Path

from assemblyai.streaming.v3 import (
    StreamingClient,
    StreamingClientOptions,
    StreamingEvents,
    StreamingParameters,
)


CHUNK_BYTES = 3200
"""0.1 s."""
PATIENCE_S = 120.0
"""A busy machine needs more than 1 s to connect, and 5 s for the rest of the text."""


def main(port: str, path: str) -> None:
    told: list[dict[str, object]] = []
    options = StreamingClientOptions(
        api_key="x",
        api_host=f"ws://127.0.0.1:{port}",
        connect_timeout=PATIENCE_S,
        terminate_timeout=PATIENCE_S,
    )
    client = StreamingClient(options)
    for event in StreamingEvents:
        client.on(event, lambda _client, said: told.append(_body(said)))
    client.connect(
        StreamingParameters(
            sample_rate=16_000, format_turns=True, keyterms_prompt=["Americans"]
        )
    )
    pcm = Path(path).read_bytes()
    for start in range(0, len(pcm), CHUNK_BYTES):
        client.stream(pcm[start : start + CHUNK_BYTES])
    client.force_endpoint()
    client.disconnect(terminate=True)
    print(json.dumps(told, default=str))


def _body(said: object) -> dict[str, object]:
    # Errors are exceptions, all else is a pydantic model.
    if isinstance(said, Exception):
        return {"type": "Error", "error": str(said)}
    body: dict[str, object] = said.model_dump()  # type: ignore[attr-defined]
    return body


if __name__ == "__main__":
    main(*sys.argv[1:])
