"""
The one table of options: flags, environment, TOML keys and README come from it.

`resolve` reads the values; the defaults are those of the dataclasses in `config`.
"""

from dataclasses import dataclass

from whispercpp_ws.config import Config
from whispercpp_ws.config.kinds import (
    KEY_FILE,
    ORIGINS,
    PATH,
    SECRET,
    SWITCH,
    Choice,
    Decimal,
    Kind,
    Text,
    Whole,
)


ENVIRONMENT_PREFIX = "WHISPERCPP_WS_"
LANGUAGE = Text(r"auto|[a-z]{2,3}", "an ISO 639-1 code such as ru, or auto")
QUANT = Choice(("f16", "q8_0", "q5_1", "q5_0", "q4_k", "q4_0"))


@dataclass(frozen=True, slots=True)
class Option:
    """One thing that can be set; `section` and `field` place it in `Config`."""

    name: str
    section: str
    """Field of `Config`, or "" for a value of `Config` itself."""
    field: str
    kind: Kind
    help: str
    key: str = ""
    """TOML key within the section, where it is not the field's name."""

    @property
    def flag(self) -> str:
        """Name on the command line; empty for a secret, which ps would show."""
        return "" if self.kind is SECRET else f"--{self.name}"

    @property
    def variable(self) -> str:
        """Name in the environment."""
        return ENVIRONMENT_PREFIX + self.name.replace("-", "_").upper()

    @property
    def toml_key(self) -> str:
        """Dotted name in the TOML file; empty for a secret."""
        if self.kind is SECRET:
            return ""
        return ".".join(filter(None, (self.section, self.key or self.field)))

    @property
    def default(self) -> object:
        """Value when nothing sets it."""
        holder: object = Config()
        if self.section:
            holder = getattr(holder, self.section)
        return getattr(holder, self.field)


OPTIONS = (
    Option("host", "listen", "host", Text(r"\S+", "an address"), "address to bind"),
    Option("port", "listen", "port", Whole(0, 65535), "TCP port; 0 takes a free one"),
    Option(
        "wyoming-port",
        "listen",
        "wyoming_port",
        Whole(0, 65535),
        "TCP port for Wyoming (Home Assistant), usually 10300; 0 serves none",
    ),
    Option(
        "wyoming-name",
        "listen",
        "wyoming_name",
        Text(r"[^.\x00-\x1f]{0,63}", "at most 63 characters and no dots"),
        "name to announce Wyoming by in the local network, for Home Assistant to find; "
        "empty announces nothing",
    ),
    Option(
        "whisperlive-port",
        "listen",
        "whisperlive_port",
        Whole(0, 65535),
        "TCP port for WhisperLive, usually 9090; 0 serves none",
    ),
    Option(
        "insecure",
        "listen",
        "insecure",
        SWITCH,
        "allow another address than loopback without a token key",
    ),
    Option(
        "allowed-origins",
        "listen",
        "allowed_origins",
        ORIGINS,
        "origins of other sites whose pages may connect, with commas between",
    ),
    Option(
        "token-key-file",
        "tokens",
        "key",
        KEY_FILE,
        "file with the shared secret (HS256) or PEM public key (RS256)",
        key="key_file",
    ),
    Option(
        "token-key",
        "tokens",
        "key",
        SECRET,
        "the same key itself, in the environment only",
    ),
    Option(
        "token-algorithm",
        "tokens",
        "algorithm",
        Choice(("HS256", "RS256")),
        "the only signature that is accepted",
    ),
    Option(
        "token-max-lifetime",
        "tokens",
        "max_lifetime_s",
        Whole(1, 31 * 86_400),
        "longest time a token may still be valid, in seconds",
    ),
    Option(
        "token-audience",
        "tokens",
        "audience",
        Text(r".*", "text"),
        "`aud` a token must carry; empty asks for none",
    ),
    Option(
        "token-issuer",
        "tokens",
        "issuer",
        Text(r".*", "text"),
        "`iss` a token must carry; empty asks for none",
    ),
    Option(
        "admin-token-file",
        "tokens",
        "admin_key",
        KEY_FILE,
        "file with the token that `models load|use|unload` need; without it they work "
        "from the server's own machine only",
        key="admin_token_file",
    ),
    Option(
        "max-frame-bytes",
        "limits",
        "max_frame_bytes",
        Whole(1024, 1 << 26),
        "largest WebSocket frame from a client, in bytes",
    ),
    Option(
        "max-upload-bytes",
        "limits",
        "max_upload_bytes",
        Whole(1024, 1 << 32),
        "largest audio file that may be uploaded, in bytes",
    ),
    Option(
        "max-connections",
        "limits",
        "max_connections",
        Whole(1, 100_000),
        "most connections at once",
    ),
    Option(
        "max-load",
        "limits",
        "max_load",
        Decimal(0.1, 1000),
        "share of the lanes that speakers may need before the next one is refused; 100 "
        "or more refuses nobody, however late finals come",
    ),
    Option(
        "subject-sessions",
        "limits",
        "subject_sessions",
        Whole(0, 100_000),
        "most sessions at once of all tokens with the same `sub`; 0 is no limit",
    ),
    Option(
        "max-session",
        "limits",
        "max_session_s",
        Whole(1, 7 * 86_400),
        "longest session, in seconds",
    ),
    Option(
        "start-timeout",
        "limits",
        "start_timeout_s",
        Decimal(0.1, 600),
        "time from connecting to `start`, in seconds",
    ),
    Option(
        "idle-timeout",
        "limits",
        "idle_timeout_s",
        Decimal(0.1, 86_400),
        "time without any frame before a session is closed, in seconds",
    ),
    Option(
        "quiet-flush",
        "limits",
        "quiet_flush_s",
        Decimal(0.1, 60),
        "time without audio that finishes an open utterance, in seconds; four times as "
        "long for a peer that answers no ping",
    ),
    Option(
        "max-backlog",
        "limits",
        "max_backlog_s",
        Decimal(1, 3600),
        "audio received but not decoded before a session is closed, in seconds",
    ),
    Option(
        "pause-backlog",
        "limits",
        "pause_backlog_s",
        Decimal(0.5, 3600),
        "the same before the socket is no longer read, in seconds",
    ),
    Option(
        "outbound-events",
        "limits",
        "outbound_events",
        Whole(1, 100_000),
        "messages waiting for a slow reader before it is closed",
    ),
    Option(
        "send-timeout",
        "limits",
        "send_timeout_s",
        Decimal(0.1, 600),
        "time one message may take to send, in seconds",
    ),
    Option(
        "heartbeat",
        "limits",
        "heartbeat_s",
        Decimal(1, 3600),
        "time between pings, in seconds; a pong must come within half of it",
    ),
    Option(
        "resume-grace",
        "limits",
        "resume_grace_s",
        Decimal(0, 3600),
        "time a session is kept for `resume` after its connection broke, in seconds; "
        "0 keeps none",
    ),
    Option(
        "resume-sessions",
        "limits",
        "resume_sessions",
        Whole(1, 100_000),
        "most sessions kept so; for a new one, the oldest of who has most is dropped",
    ),
    Option(
        "resume-bytes",
        "limits",
        "resume_bytes",
        Whole(1 << 20, 1 << 40),
        "most memory of sessions kept so, in bytes",
    ),
    Option(
        "resume-events",
        "limits",
        "resume_events",
        Whole(16, 100_000),
        "messages of a session kept until its client confirms them",
    ),
    Option(
        "drain",
        "limits",
        "drain_s",
        Decimal(0, 3600),
        "time to finish open sessions in after SIGTERM, in seconds",
    ),
    Option(
        "model",
        "models",
        "model",
        Text(r"[\w.-]+", "a catalogue name such as base"),
        "catalogue name of the model",
    ),
    Option(
        "quant",
        "models",
        "quant",
        QUANT,
        "quantisation of the model; f16 is the model as published",
    ),
    Option(
        "models-dir", "models", "models_dir", PATH, "folder of the downloaded models"
    ),
    Option(
        "vad-model",
        "models",
        "vad_model",
        Text(r"[\w.-]*", "a catalogue name, or nothing"),
        "catalogue name of the voice detector that keeps noise from being decoded",
    ),
    Option(
        "engine",
        "models",
        "engine",
        Choice(("whispercpp", "scripted")),
        "what decodes; scripted says fixed words, to try a client without a model",
    ),
    Option(
        "blas",
        "models",
        "blas",
        Choice(("auto", "off")),
        "auto lets numpy's BLAS multiply large matrices, on Linux on x86-64 without a "
        "GPU: with q8_0 a decode takes a quarter to a third less time",
    ),
    Option(
        "lanes",
        "models",
        "lanes",
        Whole(0, 256),
        "decodes at once; 0 is one for each core",
    ),
    Option(
        "unload-idle",
        "models",
        "unload_idle_s",
        Decimal(0, 7 * 86_400),
        "time without use before a model that is not the default is unloaded, in "
        "seconds; 0 keeps it",
    ),
    Option(
        "partial-model",
        "models",
        "partial_model",
        Text(r"[\w.-]*", "a catalogue name such as tiny, or nothing"),
        "catalogue name of a smaller model for partials; empty takes `--model`",
    ),
    Option(
        "partial-quant",
        "models",
        "partial_quant",
        QUANT,
        "quantisation of the model for partials",
    ),
    Option(
        "partial-lanes",
        "models",
        "partial_lanes",
        Whole(0, 256),
        "partials at once on a model of their own; 0 is one for two cores",
    ),
    Option(
        "language",
        "streaming",
        "language",
        LANGUAGE,
        "language of sessions that name none: an ISO 639-1 code or auto",
    ),
    Option(
        "endpoint",
        "streaming",
        "endpoint_ms",
        Whole(200, 5000),
        "silence that ends an utterance, in milliseconds",
    ),
    Option(
        "step",
        "streaming",
        "step_ms",
        Whole(100, 10_000),
        "time between two partials, in milliseconds",
    ),
    Option(
        "max-utterance",
        "streaming",
        "max_utterance_s",
        Decimal(5, 28),
        "longest utterance before it is cut at a pause, in seconds",
    ),
    Option(
        "vosk-rate",
        "vosk",
        "rate",
        Whole(8_000, 192_000),
        "sampling rate of Vosk clients that name none, in samples per second",
    ),
    Option(
        "vosk-punctuation",
        "vosk",
        "punctuation",
        SWITCH,
        "keep capitals and punctuation in the texts of Vosk clients",
    ),
    Option(
        "log-level",
        "",
        "log_level",
        Choice(("debug", "info", "warning", "error")),
        "least severe log line that is written",
    ),
)


def markdown_table() -> str:
    """Return the table of all options as README shows it."""
    rows = [f"| {_names(o)} | {_shown(o)} | {_sentence(o)} |" for o in OPTIONS]
    head = ["| Option | Default | Meaning |", "|---|---|---|"]
    return "\n".join(head + rows)


def _names(option: Option) -> str:
    names = (option.flag or option.variable, option.toml_key)
    return "<br>".join(f"`{name}`" for name in names if name)


def _shown(option: Option) -> str:
    text = option.kind.show(option.default)
    return f"`{text}`" if text else ""


def _sentence(option: Option) -> str:
    text = f"{option.help[0].upper()}{option.help[1:]}."
    if not isinstance(option.kind, Whole | Decimal | Choice):
        return text
    expected = option.kind.expected
    return f"{text} {expected[0].upper()}{expected[1:]}."
