"""Recognise text the model made up, and cut loops out of it."""

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from whispercpp_ws.session.agreement import normalise
from whispercpp_ws.session.language import tokens_per_s
from whispercpp_ws.transcript import Hypothesis, Word, join_words


LONG_RUN_WORDS = 4
"""A run of at least 4 words that comes twice in a row is a loop (streaming §1.10)."""

SHORT_RUNS = ((1, 4), (2, 3), (3, 3))
"""Lengths of shorter runs and the copies that make a loop, for people repeat those:
"no, no, no" stays, a fourth does not. Shortest first, or "so so so so so so" would be
three times two words."""

SAID_AGAIN_WORDS = 8
"""A run that comes again later in one window, with other words between: a loop of which
base-q4_k once made up a sentence before it began again. "Press one to record a message
for ..., press two to record a message for ..." shares 6, and who says 8 words twice in
9 s only has them decoded twice."""

MAX_COMPRESSION = 2.4
MIN_MEAN_LOGPROB = -1.0
"""OpenAI's own thresholds for a failed decode."""

HOPELESS_LOGPROB = -1.6
"""A first decode below is dropped without another. Of 28 recordings of rain, engines,
animals and music 22 gave text below -1, most of it below -1.6; of 80 recordings of
speech none gave any below -1.6."""

SURE_SPEECH_S = 0.7
"""Speech that a voice detector found, from which on a text is published however unsure
it is. A sneeze and a chainsaw had 0.5 and 0.6 s of it."""

HIDDEN_LOGPROB = -1.2
"""A partial below is not shown; half a word may be that unsure, noise mostly is."""

_STUTTER = re.compile(r"(.{1,3}?)\1{5}")
"""Six times the same letters, as in "AHHHHHH": what base hears in cries and engines,
and "со-со-со-со-со-со-", which it once made of the middle of a word."""

MIN_COMPRESSED_BYTES = 60
"""zlib's header makes the ratio of shorter texts meaningless."""

SHORT_SPEECH_S = 2.0
LOW_CONFIDENCE_LOGPROB = -0.5
"""The blocklist applies only below both; its phrases are also real speech."""

MAX_UNWORDED_S = 2.0
"""Speech without a word after which the decode is taken to have left some out. Word
times are wrong by up to 0.5 s, and nobody draws a word out for longer."""

Stretch = tuple[float, float]
"""Start and end of unbroken speech, in seconds from a window's start."""

_CLOSER_OF = {"[": "]", "(": ")", "*": "*", "♪": "♪", "（": "）", "【": "】"}

_INVENTED = frozenset(
    (
        "thank you",
        "thanks for watching",
        "thank you for watching",
        "please subscribe",
        "you",
        "bye",
        "see you next time",
        "subtitles by the amaraorg community",
        "продолжение следует",
        "спасибо за просмотр",
        "субтитры сделал dimatorzok",
        "субтитры создавал dimatorzok",
        "редактор субтитров асемкин корректор аегорова",
        "vielen dank",
        "untertitel der amaraorgcommunity",
        "untertitelung des zdf 2020",
        "soustitrage société radiocanada",
        "soustitres réalisés para la communauté damaraorg",
        "merci davoir regardé cette vidéo",
        "subtítulos realizados por la comunidad de amaraorg",
        "gracias por ver el video",
        "字幕由amaraorg社区提供",
        "请不吝点赞订阅转发打赏支持明镜与点点栏目",
        "ご視聴ありがとうございました",
    )
)
"""Stock phrases of the subtitles Whisper was trained on, without punctuation."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A hypothesis with its loops cut, and what was wrong with it."""

    words: tuple[Word, ...]
    tripped: str = ""
    """Name of the first guard that tripped; empty when none did."""
    is_cut: bool = False
    """Whether a long loop was cut off. What is left is as good as a decode of the full
    window (streaming §1.10: 9.5 against 9.2 % of words wrong), so no guard trips."""
    dropped: bool = False
    """Whether nothing of it should be published."""

    @property
    def text(self) -> str:
        """The words that are left."""
        return join_words(self.words)


def check(
    hypothesis: Hypothesis,
    *,
    speech_s: float,
    stretches: Sequence[Stretch] = (),
    drop_below: float = HOPELESS_LOGPROB,
) -> Checked:
    """
    Judge a hypothesis against the speech that was heard.

    Args:
        hypothesis: as the engine returned it.
        speech_s: voiced seconds of its window.
        stretches: where speech was heard, when words with real times must cover it.
        drop_below: mean log probability below which nothing was said at all, unless
            a voice detector is sure that something was.
    """
    spoken = without_stutter(without_annotations(hypothesis.words))
    if spoken and hypothesis.mean_logprob < drop_below and not is_speech(hypothesis):
        return Checked((), "logprob", dropped=True)
    uncut = without_long_runs(spoken)
    words = without_short_runs(uncut)
    if is_invented(hypothesis, words, speech_s=speech_s):
        return Checked((), "blocklist", dropped=True)
    is_cut = hypothesis.looped or len(uncut) < len(spoken)
    if len(words) < len(uncut) or is_said_again(words):
        return Checked(words, "loop", is_cut)
    tripped = _tripped(hypothesis, words, speech_s=speech_s, is_cut=is_cut)
    unworded_s = longest_unworded_s(words, stretches)
    is_unworded = _of_speech(hypothesis, unworded_s) > MAX_UNWORDED_S
    # The copies in a loop pull the times of the words before them.
    if not tripped and not hypothesis.looped and is_unworded:
        tripped = "unworded"
    return Checked(words, tripped, is_cut)


def is_speech(hypothesis: Hypothesis) -> bool:
    """Tell whether a voice detector is sure of its speech; False without one."""
    return hypothesis.speech_s is not None and hypothesis.speech_s >= SURE_SPEECH_S


def _of_speech(hypothesis: Hypothesis, seconds: float) -> float:
    """Bound a duration by the speech in it, where a voice detector measured that."""
    if hypothesis.speech_s is None:
        return seconds
    return min(seconds, hypothesis.speech_s)


def _tripped(
    hypothesis: Hypothesis, words: Sequence[Word], *, speech_s: float, is_cut: bool
) -> str:
    # One second is the window's pre-roll and tail, where a soft word may lie.
    limit = tokens_per_s(hypothesis.language) * (speech_s + 1.0)
    if hypothesis.token_count > limit and not is_cut:
        return "token_rate"
    if compression_ratio(join_words(words)) > MAX_COMPRESSION:
        return "compression"
    if words and hypothesis.mean_logprob < MIN_MEAN_LOGPROB:
        return "logprob"
    return ""


def longest_unworded_s(words: Sequence[Word], stretches: Sequence[Stretch]) -> float:
    """Return the longest speech between words, pauses not counted."""
    edges = [0.0]
    for word in words:
        edges += [word.start_s, word.end_s]
    edges.append(max((end for _, end in stretches), default=0.0))
    gaps = zip(edges[::2], edges[1::2], strict=True)
    return max(_overlap_s(gap, stretches) for gap in gaps)


def _overlap_s(gap: Stretch, stretches: Sequence[Stretch]) -> float:
    common = (min(gap[1], end) - max(gap[0], start) for start, end in stretches)
    return sum(seconds for seconds in common if seconds > 0)


def is_invented(
    hypothesis: Hypothesis, words: Sequence[Word], *, speech_s: float
) -> bool:
    """Tell whether short, unsure text is one of Whisper's stock phrases."""
    if _of_speech(hypothesis, speech_s) >= SHORT_SPEECH_S:
        return False
    if hypothesis.mean_logprob > LOW_CONFIDENCE_LOGPROB:
        return False
    line = join_words(words).casefold()
    return "".join(c for c in line if c.isalnum() or c == " ") in _INVENTED


def compression_ratio(text: str) -> float:
    """Return how often zlib could fold the text; 0 when it is too short to say."""
    raw = text.encode()
    if len(raw) < MIN_COMPRESSED_BYTES:
        return 0.0
    return len(raw) / len(zlib.compress(raw))


def without_annotations(words: Sequence[Word]) -> tuple[Word, ...]:
    """Drop [noises], (asides) and ♪ songs ♪ that the model puts between words."""
    kept: list[Word] = []
    position = 0
    while position < len(words):
        end = _annotation_end(words, position)
        if end == position:
            kept.append(words[position])
            end += 1
        position = end
    return tuple(kept)


def _annotation_end(words: Sequence[Word], start: int) -> int:
    """Find the end of the annotation that starts here; `start` when none does."""
    opener = words[start].text[:1]
    closer = _CLOSER_OF.get(opener)
    if closer is None:
        return start
    for position in range(start, len(words)):
        text = words[position].text.rstrip(".,!?")
        if text.endswith(closer) and (position > start or len(text) > 1):
            return position + 1
    return start + 1 if opener == closer else start


def without_stutter(words: Sequence[Word]) -> tuple[Word, ...]:
    """Drop words that repeat their letters as no language does."""
    return tuple(w for w in words if not _STUTTER.search(normalise(w.text)))


def without_long_runs(words: Sequence[Word]) -> tuple[Word, ...]:
    """End the text at the first copy of a run of 4 words or more that comes twice."""
    longest = len(words) // 2
    return _without(words, [(n, 2) for n in range(longest, LONG_RUN_WORDS - 1, -1)])


def without_short_runs(words: Sequence[Word]) -> tuple[Word, ...]:
    """End the text at the first copy of a shorter run that comes too often."""
    return _without(words, SHORT_RUNS)


def is_said_again(words: Sequence[Word]) -> bool:
    """Tell whether a run of `SAID_AGAIN_WORDS` comes again behind it."""
    said = [normalise(word.text) for word in words]
    first_at: dict[tuple[str, ...], int] = {}
    for at in range(len(said) - SAID_AGAIN_WORDS + 1):
        run = tuple(said[at : at + SAID_AGAIN_WORDS])
        if at - first_at.setdefault(run, at) >= SAID_AGAIN_WORDS:
            return True
    return False


def _without(
    words: Sequence[Word], runs: Sequence[tuple[int, int]]
) -> tuple[Word, ...]:
    """
    Cut the text until no run of `runs` (length, copies in a row) is left.

    Everything after the first copy goes: dropping only the second leaves the third,
    cut short, behind (streaming §1.10 measured 11.6 against 9.5 % word errors).
    """
    kept = list(words)
    while end := _first_copy_end([normalise(word.text) for word in kept], runs):
        kept = kept[:end]
    return tuple(kept)


def _first_copy_end(words: list[str], runs: Sequence[tuple[int, int]]) -> int:
    """Find where the first copy of a repeated run ends; 0 when there is no loop."""
    for length, copies in runs:
        for start in range(len(words) - copies * length + 1):
            run = words[start : start + length]
            if words[start : start + copies * length] == run * copies:
                return start + _period(run)
    return 0


def _period(run: list[str]) -> int:
    """Return the length of the shortest run that this one is made of."""
    lengths = (n for n in range(1, len(run)) if len(run) % n == 0)
    return next((n for n in lengths if run[:n] * (len(run) // n) == run), len(run))
