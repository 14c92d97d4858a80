import numpy as np
import pytest

from whispercpp_ws.session.resample import StreamResampler, resample


def tone(
    rate: int, seconds: float = 1.0
) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.sin(np.arange(int(rate * seconds)) * 440 * 2 * np.pi / rate).astype(
        np.float32
    )


def test_16_khz_passes_untouched() -> None:
    samples = tone(16_000)
    assert StreamResampler(16_000).receive(samples) is samples
    assert resample(samples, 16_000) is samples


@pytest.mark.parametrize("rate", [8000, 11_025, 44_100, 48_000, 192_000])
def test_a_stream_comes_out_as_long_as_the_recording(rate: int) -> None:
    resampler = StreamResampler(rate)
    blocks = np.array_split(tone(rate), 50)
    out = [resampler.receive(block) for block in blocks[:-1]]
    out.append(resampler.receive(blocks[-1], last=True))
    joined = np.concatenate(out)
    assert abs(len(joined) - 16_000) <= 2
    assert joined.dtype == np.float32
    # Away from the ends, streaming and one-shot resampling are the same tone.
    whole = resample(tone(rate), rate)
    assert np.abs(joined[2000:14_000] - whole[2000:14_000]).max() < 1e-3
