from hypothesis import given
from hypothesis import strategies as st

from whispercpp_ws.decoding import Priority
from whispercpp_ws.scheduler.fairness import FairShares
from whispercpp_ws.scheduler.policy import BUDGET_S, DecodeQueue


def test_who_was_idle_has_saved_nothing_up() -> None:
    shares = FairShares()
    for _ in range(10):
        shares.charge("busy", 1.0)
    assert shares.start_s("busy") == 10.0
    assert shares.start_s("idle") == 9.0


def test_who_used_what_nobody_wanted_waits_no_longer_than_one_turn() -> None:
    shares = FairShares()
    for _ in range(100):
        shares.charge("busy", 0.5)
    shares.charge("new", 0.5)
    assert shares.start_s("busy") <= shares.start_s("new")


COSTS = st.dictionaries(
    st.sampled_from("abcde"), st.floats(0.05, 3.0), min_size=2, max_size=5
)


@given(COSTS, st.integers(1, 60))
def test_subjects_that_always_wait_get_the_same_lane_time(
    costs: dict[str, float], turns: int
) -> None:
    queue: DecodeQueue[object] = DecodeQueue()
    given = dict.fromkeys(costs, 0.0)

    def ask(subject: str, turn: int) -> None:
        queue.push(
            f"{subject}{turn}",
            Priority.FINAL,
            key=subject,
            now_s=float(turn),
            subject=subject,
            cost_s=costs[subject],
        )

    for subject in costs:
        ask(subject, 0)
    for turn in range(turns):
        ticket = queue.pop(0.0)
        assert ticket is not None
        given[ticket.subject] += ticket.cost_s
        ask(ticket.subject, turn)
    assert max(given.values()) - min(given.values()) <= 2 * max(costs.values())


@given(st.integers(1, 30), st.integers(1, 30))
def test_many_sessions_of_one_token_do_not_push_another_back(
    many: int, turns_before: int
) -> None:
    queue: DecodeQueue[object] = DecodeQueue()

    def ask(session: int) -> None:
        name = f"many{session}"
        queue.push(name, Priority.FINAL, key=name, now_s=0.0, subject="many")

    for session in range(many):
        ask(session)
    for turn in range(turns_before):
        assert queue.pop(0.0) is not None
        ask(many + turn)
    queue.push("one", Priority.FINAL, key="one", now_s=9.0, subject="one")
    order = [ticket.key for _ in range(2) if (ticket := queue.pop(0.0)) is not None]
    assert "one" in order


@given(st.lists(st.floats(0.01, 5.0), min_size=2, max_size=12), st.integers(1, 80))
def test_sessions_of_one_token_take_turns(costs: list[float], turns: int) -> None:
    queue: DecodeQueue[object] = DecodeQueue()
    now_s = 0.0
    for session, cost_s in enumerate(costs):
        queue.push(str(session), Priority.FINAL, key=session, now_s=0.0, cost_s=cost_s)
    served: list[object] = []
    for _ in range(turns):
        ticket = queue.pop(0.0)
        assert ticket is not None
        served.append(ticket.key)
        now_s += ticket.cost_s
        queue.push(
            ticket.session_id,
            Priority.FINAL,
            key=ticket.key,
            now_s=now_s,
            cost_s=ticket.cost_s,
        )
    counts = [served.count(session) for session in range(len(costs))]
    assert max(counts) - min(counts) <= 1


def test_a_partial_of_a_poor_subject_does_not_pass_a_final_of_a_rich_one() -> None:
    queue: DecodeQueue[object] = DecodeQueue()
    for _ in range(3):
        queue.push("a", Priority.FINAL, key="a", now_s=0.0, subject="rich")
        assert queue.pop(0.0) is not None
    queue.push("b", Priority.PARTIAL, key="partial", now_s=0.0, subject="poor")
    queue.push(
        "a", Priority.FINAL, key="final", now_s=BUDGET_S[Priority.FINAL], subject="rich"
    )
    order = [ticket.key for _ in range(2) if (ticket := queue.pop(0.0)) is not None]
    assert order == ["final", "partial"]
