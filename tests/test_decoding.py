import numpy as np
import pytest

from whispercpp_ws.decoding import DecodeOptions, DecodeRequest, Priority


@pytest.mark.parametrize(
    ("priority", "language", "kind"),
    [
        (Priority.FINAL, "en", "final"),
        (Priority.SPECULATIVE, "en", "speculative"),
        (Priority.PARTIAL, "ru", "partial"),
        (Priority.PARTIAL, "auto", "language"),
        (Priority.FINAL, "auto", "language"),
    ],
)
def test_a_request_is_known_by_what_it_is_for(
    priority: Priority, language: str, kind: str
) -> None:
    options = DecodeOptions(language)
    assert DecodeRequest(1, priority, np.zeros(1, np.float32), options).kind == kind
