"""
What the server counts, for Prometheus.

The registry is made once and passed in; labels have few values and never name a
session, a token or a text.
"""

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST


CONTENT_TYPE = CONTENT_TYPE_LATEST

DECODE_BUCKETS_S = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)
"""From one short partial on a fast core to a full window of a large model."""
LAG_BUCKETS_S = (0.1, 0.2, 0.3, 0.5, 0.65, 0.9, 1.2, 2.0, 3.0, 5.0, 10.0, 30.0)
"""With the goals of DESIGN §9 as bounds: 0.65 and 0.9 s (finals), 1.2 s (partials)."""
STAGE_BUCKETS_S = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.65, 0.9, 1.2, 2.0, 5.0, 10.0)
"""The same for parts of it: a decode that was started ahead leaves next to nothing."""


class Metrics:
    """The instruments of one server; each belongs to `registry`."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._add_connections()
        self._add_sessions()
        self._add_decodes()
        self._add_load()

    def exposition(self) -> bytes:
        """Return all values in the text format; its type is `CONTENT_TYPE`."""
        return generate_latest(self.registry)

    def _add_connections(self) -> None:
        self.connections = self._gauge("connections", "Open connections")
        self.tasks = self._gauge("tasks", "Tasks of the event loop, when last asked")
        self.refused = self._counter(
            "refused_connections", "Connections refused before the upgrade", "code"
        )
        self.frames = self._counter("frames", "Frames received", "kind")
        self.events = self._counter("events", "Events sent", "kind")
        self.errors = self._counter("errors", "Sessions ended by an error", "code")
        self.dropped_partials = self._counter(
            "dropped_partials", "Partials a slow reader did not get"
        )
        self.slow_readers = self._counter(
            "slow_readers", "Connections dropped because the peer did not read", "limit"
        )
        self.pauses = self._counter(
            "read_pauses", "Times a socket was not read because decodes lagged behind"
        )

    def _add_sessions(self) -> None:
        self.sessions = self._gauge("sessions", "Sessions started and not over")
        self.audio_s = self._counter("audio_seconds", "Seconds of audio received")
        self.lag_s = self._histogram(
            "lag_seconds", "From audio to the text about it", "kind", LAG_BUCKETS_S
        )
        self.final_s = self._histogram(
            "final_seconds",
            "From the end of speech to its final, by what was waited for",
            "stage",
            STAGE_BUCKETS_S,
        )
        self.kept_sessions = self._gauge(
            "kept_sessions", "Sessions without a connection that can be resumed"
        )
        self.resumed = self._counter("resumed_sessions", "Sessions taken up again")
        self.dropped_sessions = self._counter(
            "dropped_sessions", "Kept sessions that nobody took up in time", "reason"
        )
        self.dropped_finals = self._counter(
            "dropped_finals", "Finals of sessions that nobody took up in time"
        )

    def _add_decodes(self) -> None:
        self.decode_s = self._histogram(
            "decode_seconds", "From request to hypothesis", "priority", DECODE_BUCKETS_S
        )
        self.decode_cpu_s = self._counter(
            "decode_cpu_seconds", "CPU of decodes, voice detection left out", "kind"
        )
        self.vad_cpu_s = self._counter(
            "vad_cpu_seconds", "CPU of the engine's voice detector"
        )
        self.encoder_flops = self._counter(
            "encoder_flops", "Floating point operations of encoder passes", "kind"
        )
        self.queue_s = self._histogram(
            "queue_seconds", "Of a decode, outside of a lane", "kind", DECODE_BUCKETS_S
        )
        self.lane_s = self._histogram(
            "lane_seconds", "Of a decode, in a lane", "kind", DECODE_BUCKETS_S
        )
        self.decode_failures = self._counter(
            "decode_failures", "Decodes that failed", "code"
        )

    def _add_load(self) -> None:
        self.pressure = self._gauge(
            "pressure", "Rung of the overload ladder; 0 gives nothing up"
        )
        self.predicted_load = self._gauge(
            "predicted_load",
            "Share of the lanes with one more speaker, when last asked",
        )
        self.speaker_cost = self._gauge(
            "speaker_lanes", "Lanes that one speaker takes, when last asked"
        )
        self.shared_lanes = self._gauge(
            "shared_lanes",
            "1 while speakers have no two lanes each, when last asked",
        )
        self.final_late_s = self._gauge(
            "final_lateness_seconds",
            "Mean of how much later finals come than on an idle machine",
        )
        self.shed_partials = self._counter(
            "shed_partials", "Partials left out because the lanes were too busy"
        )

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(name, text, namespace="whispercpp_ws", registry=self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(
            name, text, labels, namespace="whispercpp_ws", registry=self.registry
        )

    def _histogram(
        self, name: str, text: str, label: str, buckets: tuple[float, ...]
    ) -> Histogram:
        return Histogram(
            name,
            text,
            (label,),
            namespace="whispercpp_ws",
            registry=self.registry,
            buckets=buckets,
        )
