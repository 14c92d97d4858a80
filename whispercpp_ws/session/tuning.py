"""How a session listens and when it decodes; start values of DESIGN §4."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tuning:
    """Numbers of the streaming algorithm that a client does not choose."""

    vad_mode: int = 1
    """webrtcvad aggressiveness, 0 to 3."""
    energy_floor: float = 0.0005
    """Root mean square below which a frame is silence: -66 dBFS, under the quietest
    of our test clips' speech and over a muted microphone's dither."""
    pre_roll_ms: int = 300
    """Audio kept before the detected start; VADs miss soft onsets."""
    tail_ms: int = 240
    """Silence after the last voiced frame that a final window takes in, and after
    which the final starts speculatively: both windows are then the same, and a final
    that takes 360 ms is there at the endpoint."""
    long_window_s: float = 6.0
    """Length from which a final window is started after `long_tail_ms` instead, for its
    decode takes about as long as the endpoint's silence. Of 1678 words 193 were wrong
    with it and 189 without; finals of Russian prompts came 0.10 s earlier at the 95th
    percentile."""
    long_tail_ms: int = 120
    release_ms: int = 120
    """Silence that is not counted against `endpoint_ms`: soft endings and breath. It
    costs nothing where the final is not ready earlier, and with it 123 of 1226 words
    were wrong instead of 129, for fewer sentences are taken apart."""
    min_speech_ms: int = 160
    """Voiced time below which an utterance is a click and is not decoded."""
    first_step_ms: int = 300
    """Audio time between two partials of an utterance that has no text yet."""
    step_ms: int = 500
    """Shortest audio time between two partials."""
    step_costs: float = 2.0
    """The same in decode times of the partial before: 2 keeps half a lane free."""
    longest_step_ms: int = 2000
    min_new_speech_ms: int = 200
    """New voiced time that makes another partial worth its cost."""
    hold_first_ms: int = 60
    """Silence in which no partial is started while nothing is shown: the lane may soon
    be wanted for a final, and the partial after a plosive is only 60 ms late."""
    hold_partial_ms: int = 20
    """The same once something is shown. Where lanes are threads an encode cannot be
    broken off: with 60 ms finals of Russian prompts came 0.99/1.42 s after the end of
    speech at the 50th and 95th percentiles, with 20 ms 0.89/1.26, but first texts 0.05
    to 0.25 s later."""
    partial_window_s: float = 4.0
    """Length from which a partial window moves on past words that are stable."""
    overlap_words: int = 3
    """Stable words that stay in it, by which the next decode is joined on."""
    part_s: float = 9.0
    """Length from which a part of an utterance ends at a pause."""
    min_cut_pause_ms: int = 300
    """Shortest silence at which a long part or utterance may be cut. At less, short
    pieces are decoded without what follows them: at 120 ms 24 more of 1226 words were
    wrong."""
    divided_s: float = 8.0
    """Window from which a part without such a pause ends at the longest silence in it:
    two threads decode as much in most of the endpoint's silence. Of 1830 words 226 were
    wrong with it, 227 with 8.5 and 248 with 7.5, where the longest context was 7 s,
    too."""
    rejoined_s: float = 9.0
    """Window up to which a division is undone where speech ends soon after it: the
    final would wait for two decodes, which took 1.4 s, not for this one."""
    divided_behind_s: float = 3.0
    """Length of a part from which it may end so."""
    ahead_s: float = 1.5
    """Speech after that silence, and before it, that the decodes of the two parts take
    in: neither begins or ends in mid-sentence then, and both know the words there."""
    context_s: float = 8.0
    """Longest window of a final that earlier speech is added to: what two threads
    decode in 0.5 s, most of the endpoint's silence. With 12 s as many words were wrong
    and finals came 0.25 s later at the 95th percentile; with 6 s 12 more of 1678."""
    shortest_context_s: float = 1.0
    """Earlier speech below which none is taken: it costs time and does not help."""
    context_gap_s: float = 1.0
    """Longest silence across which earlier speech helps."""
    soft_utterance_s: float = 15.0
    """Length from which an utterance ends at any pause long enough to cut at."""
    max_utterance_s: float = 25.0
    """Length at which an utterance is cut even without a pause; Whisper takes 30 s."""
    retry_margin_s: float = 5.0
    """The same for the second decode, after a guard tripped. On 180 clips in 7
    languages it gave 289 wrong words where the full window gave 283, for a third of
    the time."""
    margin_s: float = 0.5
    """Encoder room after the audio; less makes the decoder loop (streaming §1.10). That
    is stopped since, and with 0.2, 0.5, 1, 3 and 5 s 331, 327, 332, 335 and 331 of 2274
    words were wrong. 0.5 saves a twentieth of a final's time."""
    edge_s: float = 0.3
    """A word ending this close to a window's edge may still change."""
    detect_speech_s: float = 1.5
    """Voiced time on which the language is detected."""
    switch_probability: float = 0.7
    """How sure a detection must be to leave the language heard before."""
    prompt_chars: int = 0
    """Earlier text put before a final; 200 is about 50 tokens. Off: of 1232
    words on 80 clips 269 were wrong without and 277 with it, and after a doubled phrase
    the next final left words out."""
    prompt_reset_s: float = 5.0
    """Silence after which earlier text no longer helps."""
    silent_ack_s: float = 5.0
    """Audio time between acknowledgements while nobody speaks."""
