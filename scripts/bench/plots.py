"""Draw a run, the only place that imports matplotlib."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from scripts.bench import audio
from scripts.bench.scores import ClipRun, ClipScore, SetScore
from scripts.bench.timeline import ShownText


INK, MUTED, STABLE, WRONG = "#1f2933", "#9aa5b1", "#2f7d4f", "#c2571a"
ROWS = 14
"""Partials shown of one utterance; more are thinned out evenly."""
CHARACTERS = 84
"""Of one text in the timeline; of a longer one the end is shown."""


def draw(
    scores: Sequence[ClipScore],
    sets: Sequence[SetScore],
    run: ClipRun | None,
    folder: Path,
) -> None:
    """Write `latency.png`, `wer.png` and, of one stream, `timeline.png`."""
    _save(folder / "latency.png", (8, 4.5), lambda axes: draw_latencies(axes, scores))
    spoken = [score for score in sets if score.wer is not None]
    height = 1.6 + 0.5 * len(spoken)
    _save(folder / "wer.png", (8, height), lambda axes: draw_wer(axes, spoken))
    if run is not None:
        _save(folder / "timeline.png", (12, 7), lambda axes: draw_timeline(axes, run))


def draw_latencies(axes: Axes, scores: Sequence[ClipScore]) -> None:
    """Draw which share of all had come after how many seconds."""
    kinds: dict[str, Iterable[float | None]] = {
        "first partial, from first sound": (
            score.first_partial.after_speech_s for score in scores
        ),
        "word, from its end": (w for s in scores for w in s.word_latencies_s),
        "last final, from last sound": (s.speech_end_to_final_s for s in scores),
    }
    for (name, values), colour in zip(
        kinds.items(), (MUTED, STABLE, WRONG), strict=True
    ):
        found = sorted(value for value in values if value is not None)
        if found:
            share = np.arange(1, len(found) + 1) / len(found) * 100
            label = f"{name} (n = {len(found)})"
            axes.step(found, share, where="post", color=colour, lw=2, label=label)
    axes.set(xlabel="seconds", ylabel="% of all", ylim=(0, 101), title="Latency")
    axes.grid(color="#e4e7eb")
    if axes.get_lines():
        axes.legend(frameon=False, loc="lower right")


def draw_wer(axes: Axes, sets: Sequence[SetScore]) -> None:
    """Draw a bar of every set beside that of the offline decode."""
    places = np.arange(len(sets))
    streamed = [score.wer or 0.0 for score in sets]
    bars = axes.barh(places + 0.2, streamed, 0.38, color=STABLE, label="streamed")
    axes.bar_label(bars, fmt="%.1f", padding=3, color=INK)
    if any(score.offline_wer is not None for score in sets):
        offline = [score.offline_wer or 0.0 for score in sets]
        bars = axes.barh(places - 0.2, offline, 0.38, color=MUTED, label="offline")
        axes.bar_label(bars, fmt="%.1f", padding=3, color=INK)
    axes.set_yticks(places, [f"{score.set} ({score.language})" for score in sets])
    axes.set(xlabel="word error rate of finals, %", title="Word errors by set")
    axes.margins(x=0.12)
    if sets:
        axes.legend(frameon=False)


def draw_timeline(axes: Axes, run: ClipRun) -> None:
    """Draw one stream: the wave, and each text at the time it came."""
    sound = audio.load(run.clip)
    _draw_wave(axes, sound)
    shown = _thinned(run.timeline.shown)
    for row, partial in enumerate(shown, start=1):
        _draw_partial(axes, partial, -row)
    for row, final in enumerate(run.timeline.settled, start=len(shown) + 1):
        axes.plot([final.start_s, final.end_s], [-row, -row], color=INK, lw=3)
        axes.plot(final.at_s, -row, "D", color=INK, ms=5)
        _write(axes, final.at_s, -row, _end_of(final.text), INK)
    axes.set(
        title=f"{run.clip.id}: wave, partials (stable in green), finals in black",
        xlabel="seconds since the first sample was spoken",
        xlim=(0, 1.8 * max(sound.total_s, run.timeline.closed_s)),
    )
    axes.yaxis.set_visible(False)
    axes.spines[["left", "right", "top"]].set_visible(False)


def _draw_wave(axes: Axes, sound: audio.StreamAudio) -> None:
    wave = sound.mono()
    per_column = max(1, len(wave) // 2000)
    columns = wave[: len(wave) // per_column * per_column].reshape(-1, per_column)
    loudest = max(float(np.abs(columns).max()), 1e-3)
    times_s = np.arange(len(columns)) * per_column / sound.rate
    low, high = columns.min(axis=1) / loudest, columns.max(axis=1) / loudest
    axes.fill_between(times_s, 0.8 + 0.7 * low, 0.8 + 0.7 * high, color=MUTED, lw=0)


def _draw_partial(axes: Axes, partial: ShownText, y: float) -> None:
    axes.plot(partial.at_s, y, "o", color=MUTED, ms=4)
    # Both texts are cut to the same end, so the green one covers its own part.
    hidden = max(0, len(partial.text) - CHARACTERS)
    dots = "…" if hidden else ""
    _write(axes, partial.at_s, y, dots + partial.text[hidden:], WRONG)
    if partial.stable[hidden:]:
        _write(axes, partial.at_s, y, dots + partial.stable[hidden:], STABLE)


def _write(axes: Axes, x: float, y: float, text: str, colour: str) -> None:
    axes.annotate(
        text,
        (x, y),
        xytext=(8, 0),
        textcoords="offset points",
        va="center",
        fontsize=7,
        family="monospace",
        color=colour,
        parse_math=False,
    )


def _end_of(text: str) -> str:
    return text if len(text) <= CHARACTERS else "…" + text[-CHARACTERS:]


def _thinned(shown: Sequence[ShownText]) -> list[ShownText]:
    if len(shown) <= ROWS:
        return list(shown)
    picked = np.linspace(0, len(shown) - 1, ROWS).round().astype(int)
    return [shown[index] for index in picked]


def _save(
    path: Path, inches: tuple[float, float], fill: Callable[[Axes], None]
) -> None:
    figure = Figure(figsize=inches, layout="constrained")
    fill(figure.subplots())
    figure.savefig(path, dpi=110)
