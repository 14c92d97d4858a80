"""
Every error of the package, in one tree.

    SpeechError
    ├── PeerError                 the peer sent something wrong
    │   ├── BadJson               a text frame is not a JSON object
    │   ├── BadMessage            a field has a wrong type or value
    │   │   └── BadStart          the same, in `start`
    │   │       ├── UnknownFormat
    │   │       ├── UnknownModel
    │   │       └── UnknownSession
    │   ├── AudioBeforeStart
    │   ├── AlreadyStarted
    │   ├── SessionTaken          another connection took the session up
    │   ├── BadAudio              NaN, or a last sample cut in half
    │   ├── FrameTooLarge
    │   ├── UploadTooLarge
    │   ├── AudioTooFast
    │   ├── SessionTooLong
    │   ├── SessionIdle
    │   ├── Unauthorized
    │   └── OriginRefused
    ├── ServiceError              we cannot serve this now; trying again helps
    │   ├── EngineCrashed
    │   ├── DecodeTimedOut
    │   ├── Overloaded
    │   ├── QuotaReached          one token's subject has too many sessions
    │   ├── UploadNotKept         the disk is full
    │   ├── Superseded            a newer decode of the same session took its place
    │   └── Draining
    ├── EngineError               the engine cannot do what was asked
    │   ├── LibraryNotFound
    │   ├── LibraryMismatch
    │   ├── RefusedInput          would crash or mislead C; refused in Python
    │   ├── DecodeFailed
    │   ├── WindowQuarantined     the window crashed the engine twice
    │   └── BadModelFile
    │       └── DiedLoading       the engine's process ended while it loaded
    ├── ModelError                a model cannot be had
    │   ├── ModelNotInCatalog
    │   ├── ModelNotFetched
    │   ├── ModelNotLoaded        none of those that the server has loaded
    │   ├── ModelInUse            the default cannot be unloaded
    │   ├── DownloadFailed
    │   ├── ChecksumMismatch
    │   ├── NoSpace
    │   ├── NotConvertible
    │   └── StoreLocked
    └── ConfigError

An error is its own wire form: `code`, `http_status`, `close_code` (RFC 6455 §7.4
and the private 4xxx range) and `retryable` are class attributes, `field` names the
message field at fault where there is one.
"""

from math import ceil
from typing import ClassVar


RETRY_AFTER_S = 5
"""When a refused client may try again: about one utterance later."""


class SpeechError(Exception):
    """Base of all errors; `str()` is a sentence fit for the peer."""

    code: ClassVar[str] = "internal"
    http_status: ClassVar[int] = 500
    close_code: ClassVar[int] = 1011
    retryable: ClassVar[bool] = False
    retry_after_s: float = 0
    """When to try again; 0 says nothing of it."""

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field

    @property
    def retry_s(self) -> int:
        """Whole seconds for a Retry-After header (RFC 9110 §10.2.3)."""
        return ceil(self.retry_after_s or RETRY_AFTER_S)


class PeerError(SpeechError):
    """Raised when the peer is wrong; the same bytes will fail again."""

    code = "bad_request"
    http_status = 400
    close_code = 4400


class BadJson(PeerError):
    """Raised when a text frame is not one JSON object."""

    code = "bad_json"


class BadMessage(PeerError):
    """Raised when a field of a message has a wrong type or value."""

    code = "bad_message"

    @classmethod
    def expected(cls, field: str, expected: str, got: object) -> "BadMessage":
        """Say which field, what was expected, and what came (cut to 80 characters)."""
        shown = repr(got)
        shown = shown if len(shown) <= 80 else shown[:77] + "..."
        return cls(f"{field}: expected {expected}, got {shown}", field=field)


class BadStart(BadMessage):
    """Raised when a field of `start` has a wrong type or value."""

    code = "bad_start"


class UnknownFormat(BadStart):
    """Raised when `format` names no audio encoding this server reads."""

    code = "unknown_format"


class UnknownModel(BadStart):
    """Raised when `model` names no model this server has loaded."""

    code = "unknown_model"
    http_status = 404


class UnknownSession(BadStart):
    """Raised when `resume` names no session this server still keeps."""

    code = "unknown_session"
    http_status = 404


class AudioBeforeStart(PeerError):
    """Raised when a binary frame, or an `op` other than `start`, comes first."""

    code = "audio_before_start"


class AlreadyStarted(PeerError):
    """Raised when a second `start` comes on one connection."""

    code = "already_started"


class SessionTaken(PeerError):
    """Raised when a newer connection has taken the session up with `resume`."""

    code = "session_taken"
    http_status = 409
    close_code = 4409


class BadAudio(PeerError):
    """Raised when audio bytes cannot be samples: NaN, or half a sample at the end."""

    code = "bad_audio"


class FrameTooLarge(PeerError):
    """Raised when one frame is larger than the limit (RFC 6455 close code 1009)."""

    code = "frame_too_large"
    http_status = 413
    close_code = 1009


class UploadTooLarge(PeerError):
    """Raised when a file or a field of a form is larger than the limit."""

    code = "upload_too_large"
    http_status = 413


class AudioTooFast(PeerError):
    """Raised when more audio waits undecoded than the backlog limit allows."""

    code = "audio_too_fast"
    http_status = 429
    close_code = 4413


class SessionTooLong(PeerError):
    """Raised when a session has lasted longer than the limit."""

    code = "session_too_long"
    close_code = 1008


class SessionIdle(PeerError):
    """Raised when a peer has sent nothing for longer than the limit."""

    code = "idle"
    http_status = 408
    close_code = 4408


class Unauthorized(PeerError):
    """Raised when a token is missing, wrong or expired; the message never says why."""

    code = "unauthorized"
    http_status = 401
    close_code = 1008


class OriginRefused(PeerError):
    """Raised when a browser page of another origin tries to connect."""

    code = "origin_refused"
    http_status = 403
    close_code = 1008


class ServiceError(SpeechError):
    """Raised when the server cannot serve now; the same request may work later."""

    code = "unavailable"
    http_status = 503
    close_code = 1013
    retryable = True


class EngineCrashed(ServiceError):
    """Raised when the engine's process ended with a decode in flight."""

    code = "engine_crashed"
    close_code = 1011


class DecodeTimedOut(ServiceError):
    """Raised when a decode took longer than its deadline."""

    code = "decode_timed_out"
    http_status = 504
    close_code = 1011


class Overloaded(ServiceError):
    """Raised when a session or a decode is refused because all lanes are taken."""

    code = "overloaded"
    retry_after_s = RETRY_AFTER_S


class QuotaReached(ServiceError):
    """Raised when the subject of a token has as many sessions as one may have."""

    code = "quota"
    http_status = 429
    close_code = 4429


class UploadNotKept(ServiceError):
    """Raised when the disk cannot hold a file that is uploaded."""

    code = "upload_not_kept"
    http_status = 507


class Superseded(ServiceError):
    """Raised when a waiting partial is dropped for a newer decode of its session."""

    code = "superseded"
    retryable = False


class Draining(ServiceError):
    """Raised when the server is shutting down and takes no new session."""

    code = "draining"
    close_code = 1001


class EngineError(SpeechError):
    """Raised when the engine cannot do what was asked of it."""

    code = "engine_error"


class LibraryNotFound(EngineError):
    """Raised when no libwhisper is installed where the wheel should have put it."""

    code = "library_not_found"


class LibraryMismatch(EngineError):
    """Raised when libwhisper is not the version this package declares structs for."""

    code = "library_mismatch"


class RefusedInput(EngineError):
    """Raised when an input would crash or mislead libwhisper, before it reaches C."""

    code = "refused_input"


class DecodeFailed(EngineError):
    """Raised when libwhisper returns an error code for a decode."""

    code = "decode_failed"

    def __init__(self, message: str, *, return_code: int = 0) -> None:
        super().__init__(message)
        self.return_code = return_code


class WindowQuarantined(EngineError):
    """Raised when a stretch of audio is left out, for it crashed the engine twice."""

    code = "window_quarantined"


class BadModelFile(EngineError):
    """Raised when a model file is not a sound ggml Whisper model."""

    code = "bad_model_file"


class DiedLoading(BadModelFile):
    """Raised when the engine's process died of a model file, or for want of memory."""

    code = "died_loading"


class ModelError(SpeechError):
    """Raised when a model cannot be had."""

    code = "model_error"


class ModelNotInCatalog(ModelError):
    """Raised when a name is not in the catalogue."""

    code = "model_not_in_catalog"
    http_status = 404


class ModelNotFetched(ModelError):
    """Raised when a catalogue model is not on disk."""

    code = "model_not_fetched"
    http_status = 404


class ModelNotLoaded(ModelError):
    """Raised when a model to unload is none of those loaded."""

    code = "model_not_loaded"
    http_status = 404


class ModelInUse(ModelError):
    """Raised when the default model is to be unloaded."""

    code = "model_in_use"
    http_status = 409


class DownloadFailed(ModelError):
    """Raised when no source could deliver a file; the message lists each attempt."""

    code = "download_failed"
    retryable = True


class ChecksumMismatch(ModelError):
    """Raised when a file's bytes are not those the catalogue promises."""

    code = "checksum_mismatch"


class NoSpace(ModelError):
    """Raised when the disk cannot hold a file."""

    code = "no_space"


class NotConvertible(ModelError):
    """Raised when a CTranslate2 model is not one the converter knows."""

    code = "not_convertible"


class StoreLocked(ModelError):
    """Raised when another process has held the model store for too long."""

    code = "store_locked"
    retryable = True


class ConfigError(SpeechError):
    """Raised when an option has a value the server must refuse to start with."""

    code = "bad_config"


def error_from_code(code: str, message: str) -> SpeechError:
    """Rebuild an error that crossed a process border as its code and message."""
    for cls in _descendants(SpeechError):
        if cls.code == code:
            return cls(message)
    return SpeechError(message)


def _descendants(cls: type[SpeechError]) -> list[type[SpeechError]]:
    found = [cls]
    for child in cls.__subclasses__():
        found += _descendants(child)
    return found
