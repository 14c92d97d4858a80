"""A Whisper model loaded by libwhisper."""

import logging
import os
import threading
from pathlib import Path

from whispercpp_ws.engines.base import EngineInfo
from whispercpp_ws.engines.whispercpp.alignment import AlignmentPreset, preset_for
from whispercpp_ws.engines.whispercpp.binding import LibWhisper, load_binding
from whispercpp_ws.engines.whispercpp.blas import blas, unusable
from whispercpp_ws.engines.whispercpp.devices import gpu_name, only_processors
from whispercpp_ws.engines.whispercpp.flops import EncoderShape
from whispercpp_ws.engines.whispercpp.lane import WhisperCppLane
from whispercpp_ws.engines.whispercpp.library import WHISPER_VERSION
from whispercpp_ws.engines.whispercpp.model_file import read_layout
from whispercpp_ws.engines.whispercpp.results import Model
from whispercpp_ws.engines.whispercpp.spectrogram import Spectrograms
from whispercpp_ws.engines.whispercpp.structs import AlignmentHeads, ContextParams
from whispercpp_ws.engines.whispercpp.vad import SileroVad
from whispercpp_ws.errors import BadModelFile, RefusedInput


logger = logging.getLogger(__name__)


class WhisperCppEngine:
    """The weights of one model; lanes decode on them side by side."""

    def __init__(
        self, model: Model, *, name: str, lanes: int, vad: Path | None = None
    ) -> None:
        """Own a loaded model, which is freed by `close`; see `load`."""
        self._info = EngineInfo(
            f"whisper.cpp {WHISPER_VERSION}", name, model.languages, lanes
        )
        self._model = model
        self._vad = vad
        self._lock = threading.Lock()
        self._open_lanes = 0
        self._closed = False

    @classmethod
    def load(
        cls,
        path: Path,
        *,
        model: str,
        lanes: int = 1,
        word_times: bool = True,
        vad: Path | None = None,
        use_gpu: bool = True,
        use_blas: bool = True,
    ) -> "WhisperCppEngine":
        """
        Load a ggml model file.

        Args:
            path: the file; its size and checksum are the caller's business.
            model: catalogue name, for messages and `info`.
            lanes: how many lanes the caller will open, for `info`.
            word_times: align words to the audio (8 to 17 % of a decode); must be
                False for `transcribe`.
            vad: the Silero file; windows without speech are then not decoded.
            use_gpu: use a GPU if the installed libwhisper was built for one.
            use_blas: let numpy's BLAS compute large products, where it can.

        Raises:
            BadModelFile: the file is not a sound ggml Whisper model.
            LibraryNotFound, LibraryMismatch: libwhisper is not the one expected.
        """
        layout = read_layout(path)
        header = layout.header
        preset = preset_for(header, model) if word_times else None
        lib = load_binding()
        params = context_params(lib, preset, use_gpu=use_gpu)
        context = lib.init_context(os.fsencode(path), params)
        if not context:
            raise BadModelFile(f"{path}: libwhisper refuses it: {lib.last_error}")
        device = gpu_name() if use_gpu else None
        logger.info("%s runs on %s", model, device or "the processor")
        reason = unusable() if use_blas else "it is switched off"
        logger.info("numpy's BLAS is %s", f"not used: {reason}" if reason else "used")
        loaded = Model.of(
            lib,
            context,
            spectrograms=Spectrograms.of(path, layout),
            aligned=preset is not None,
            encoder=EncoderShape.of(header),
            blas=None if reason else blas(),
        )
        return cls(loaded, name=model, lanes=lanes, vad=vad)

    @property
    def info(self) -> EngineInfo:
        """Say what is loaded."""
        return self._info

    @property
    def is_forkable(self) -> bool:
        """Whether libwhisper has no backend but the processor's; loading starts no
        thread there."""
        return only_processors()

    def open_lane(self) -> WhisperCppLane:
        """Make one more lane; raises EngineError, when there is no memory for it, and
        BadModelFile for a voice detector that is none."""
        with self._lock:
            self._require_open()
            vad = SileroVad.load(self._vad) if self._vad else None
            lane = WhisperCppLane(self._model, self._lane_closed, vad)
            self._open_lanes += 1
            return lane

    def tokenize(self, text: str) -> tuple[int, ...]:
        """Return a text's tokens; raises RefusedInput for text C cannot take."""
        self._require_open()
        return self._model.tokenizer.tokenize(text)

    def close(self) -> None:
        """Free the weights; raises RefusedInput while a lane is open."""
        with self._lock:
            if self._open_lanes:
                raise RefusedInput(
                    f"engine: expected every lane closed, got {self._open_lanes} open"
                )
            if not self._closed:
                self._closed = True
                self._model.lib.free_context(self._model.context)

    def _lane_closed(self) -> None:
        with self._lock:
            self._open_lanes -= 1

    def _require_open(self) -> None:
        if self._closed:
            raise RefusedInput("engine: expected an open engine, got a closed one")


def context_params(
    lib: LibWhisper, preset: AlignmentPreset | None, *, use_gpu: bool
) -> ContextParams:
    """Set every field of `whisper_context_params`."""
    params = lib.context_params()
    params.use_gpu = use_gpu
    # With a shortened audio_ctx it attends to leftovers of earlier requests.
    params.flash_attn = False
    params.gpu_device = 0
    params.dtw_token_timestamps = preset is not None
    params.dtw_aheads_preset = preset.number if preset else 0
    params.dtw_n_top = -1
    params.dtw_aheads = AlignmentHeads(0, None)
    params.dtw_mem_size = preset.memory_bytes if preset else 0
    return params
