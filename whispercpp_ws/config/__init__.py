"""What can be configured: one frozen dataclass per concern."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ListenConfig:
    """Where the server listens and which pages may connect."""

    host: str = "127.0.0.1"
    port: int = 2700
    wyoming_port: int = 0
    """TCP port of Wyoming clients; 0 serves none."""
    wyoming_name: str = ""
    """Name that the Wyoming port is announced by in the local network; empty: not."""
    whisperlive_port: int = 0
    """TCP port of WhisperLive's clients; 0 serves none."""
    insecure: bool = False
    """Allow any other address than loopback without a token key."""
    allowed_origins: tuple[str, ...] = ()
    """Origins besides the server's own, such as "https://app.example.org"."""


@dataclass(frozen=True, slots=True)
class TokenConfig:
    """How tokens are checked; with no key, no token is asked for."""

    key: str = field(default="", repr=False)
    """Shared secret (HS256) or PEM public key (RS256)."""
    algorithm: str = "HS256"
    max_lifetime_s: int = 3600
    audience: str = ""
    issuer: str = ""
    admin_key: str = field(default="", repr=False)
    """What changes the loaded models from anywhere; empty lets this machine do it."""


@dataclass(frozen=True, slots=True)
class LimitConfig:
    """What one peer, and all of them together, may use."""

    max_frame_bytes: int = 1 << 20
    """5.4 s of 48 kHz stereo PCM16; vosk-server's limit too."""
    max_upload_bytes: int = 25 * 1024 * 1024
    """Largest audio file of a form; OpenAI's limit too."""
    max_connections: int = 100
    max_load: float = 0.7
    """Share of the lanes that speakers may be expected to need, before the next one is
    refused."""
    subject_sessions: int = 0
    """Sessions at once of all tokens with the same `sub`; 0 is no limit."""
    max_session_s: int = 4 * 3600
    start_timeout_s: float = 10.0
    """From the upgrade to `start`."""
    idle_timeout_s: float = 60.0
    """Without any frame from the peer."""
    quiet_flush_s: float = 1.5
    """Without audio, in an open utterance: finish it as if the peer had paused."""
    max_backlog_s: float = 30.0
    """Audio received but not yet decoded, before the session is closed."""
    pause_backlog_s: float = 5.0
    """The same, before the socket is no longer read."""
    outbound_events: int = 256
    """Events waiting for a slow reader, before it is closed."""
    send_timeout_s: float = 10.0
    heartbeat_s: float = 40.0
    """aiohttp wants the pong within half of it; 20 s is what vosk-server allows."""
    resume_grace_s: float = 30.0
    """A session outlives its connection by this; a phone changes networks in 10 s."""
    resume_sessions: int = 100
    """Sessions kept without a connection, all peers together."""
    resume_bytes: int = 128 << 20
    """Memory of those: the audio they have not settled, 25 s of it being 3.2 MB."""
    resume_events: int = 256
    """Events of one session kept for a peer that has not confirmed them: finals of
    some minutes."""
    drain_s: float = 25.0
    """A 25 s utterance decodes in a fraction of it, and supervisors kill after 30 s
    or more."""


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """Which model is served, and by what."""

    model: str = "base"
    quant: str = "q8_0"
    """A quantisation of the catalogue, or "f16" for the model as published."""
    models_dir: Path = Path("models")
    vad_model: str = "silero-v6.2.0"
    """The voice detector; empty decodes all that webrtcvad takes for speech."""
    engine: str = "whispercpp"
    blas: str = "auto"
    """What multiplies large matrices: numpy's BLAS where it can, or with "off" ggml."""
    lanes: int = 0
    """Decodes at once; 0 is one per core."""
    partial_model: str = ""
    """A smaller model for partials; empty decodes them with the one above."""
    partial_quant: str = "q8_0"
    unload_idle_s: float = 0.0
    """Without a decode, before a model but the default is unloaded; 0 is never."""
    partial_lanes: int = 0
    """Partials at once on a model of their own; 0 is half the cores."""


@dataclass(frozen=True, slots=True)
class StreamingConfig:
    """Defaults of a session that the client does not set."""

    language: str = "auto"
    endpoint_ms: int = 600
    step_ms: int = 500
    max_utterance_s: float = 25.0


@dataclass(frozen=True, slots=True)
class VoskConfig:
    """What clients of Vosk's server cannot say themselves."""

    rate: int = 8_000
    """Samples per second of clients that send no config; VOSK_SAMPLE_RATE there."""
    punctuation: bool = False
    """Keep Whisper's capitals and punctuation, which Vosk's texts do not have."""


@dataclass(frozen=True, slots=True)
class Config:
    """Everything a server is started with."""

    listen: ListenConfig = ListenConfig()
    tokens: TokenConfig = TokenConfig()
    limits: LimitConfig = LimitConfig()
    models: ModelConfig = ModelConfig()
    streaming: StreamingConfig = StreamingConfig()
    vosk: VoskConfig = VoskConfig()
    log_level: str = "info"
