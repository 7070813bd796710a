"""An endpoint is asked over real sockets, and whatever it does, no failure becomes an answer."""

from __future__ import annotations

import email.utils
import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_server import KEY, ChatServer, Response, completion, echo, error, serving
from tutelage.data.example import Message
from tutelage.errors import UserError
from tutelage.infer.backend import Backend, Request
from tutelage.infer.endpoint import calls
from tutelage.infer.endpoint.backend import Endpoint, key_of
from tutelage.infer.endpoint.calls import retry_after
from tutelage.infer.endpoint.errand import Errand
from tutelage.infer.endpoint.kept import KeptReplies
from tutelage.infer.endpoint.pace import OverBudget, Purse
from tutelage.infer.endpoint.protocol import Malformed, read
from tutelage.infer.options import DecodeOptions, EndpointOptions

ERRAND = Errand("evaluate.endpoint", "tutelage eval run")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short pauses, a key, and no proxy between us and the server."""
    monkeypatch.setattr(calls, "FIRST_PAUSE", 0.01)
    monkeypatch.setenv("MY_KEY", KEY)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def endpoint(server: ChatServer, kept: Path, **settings: Any) -> Endpoint:
    options = EndpointOptions(
        **{"base": "m", "url": server.url, "timeout": 5.0, "retries": 4, **settings}
    )
    served = options.served("base")
    assert served is not None
    return Endpoint(served, options, DecodeOptions(), KeptReplies(kept), ERRAND)


def requests(count: int) -> list[Request]:
    return [Request((), 8, n, messages=(Message("user", f"Say w{n}"),)) for n in range(count)]


def words(count: int) -> list[str]:
    return [f"w{n}" for n in range(count)]


def test_answers_come_in_order_whatever_the_concurrency(tmp_path: Path) -> None:
    def slow(number: int, body: dict[str, Any]) -> Response:
        answer = echo(number, body)
        answer.delay = 0.05 * (number % 3)
        return answer

    with serving(slow) as server:
        asker: Backend = endpoint(
            server, tmp_path / "a.jsonl", concurrency=4, key_variable="MY_KEY"
        )
        answers = asker.run(requests(12))
    assert [answer.text for answer in answers] == words(12)
    assert server.most == 4
    assert server.keys == {f"Bearer {KEY}"}
    assert server.asked[0] == {
        "model": "m",
        "messages": server.asked[0]["messages"],
        "temperature": 0.0,
        "max_tokens": 8,
    }
    assert KEY not in (tmp_path / "a.jsonl").read_text()


def test_parameters_are_added_and_left_out(tmp_path: Path) -> None:
    settings = {
        "parameters": {"reasoning_effort": "low", "temperature": None},
        "limit_parameter": "max_completion_tokens",
    }
    with serving(echo) as server:
        endpoint(server, tmp_path / "a.jsonl", **settings).run(requests(1))
    assert server.asked[0].keys() == {
        *("model", "messages", "max_completion_tokens", "reasoning_effort")
    }
    assert server.keys == {None}  # no key goes to a host that the recipe names none for


FAULTS = {
    "429": error(429, "slow down"),
    "500": error(500, "oops"),
    "503 in HTML": Response(503, b"<html>busy</html>"),
    "cut": Response(content=completion("w").content, cut=20),
    "no JSON": Response(content=b'{"choices": [{"mess'),
    "no choice": Response(content=b'{"choices": []}'),
    "slow": Response(content=b"{}", delay=1.0),
    "dripping": Response(content=b" " * 60, drip=0.02),
    "flooding": Response(content=b" " * 3000),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_may_pass_is_asked_again(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "MOST_BYTES", 2000)

    def first_fails(number: int, body: dict[str, Any]) -> Response:
        return FAULTS[fault] if number < 2 else echo(number, body)

    with serving(first_fails) as server:
        asker = endpoint(server, tmp_path / "a.jsonl", timeout=0.4, concurrency=2)
        assert [reply.text for reply in asker.ask(requests(3))] == words(3)
    assert asker.sitting.repeated.total() == 2
    assert len(server.asked) == 5


def test_nobody_goes_before_the_endpoint_says_so(tmp_path: Path) -> None:
    def limited(number: int, body: dict[str, Any]) -> Response:
        return error(429, "wait", Retry_After="1") if number == 0 else echo(number, body)

    with serving(limited) as server:
        endpoint(server, tmp_path / "a.jsonl", concurrency=1).ask(requests(3))
    assert server.times[1] - server.times[0] >= 0.99
    with serving(echo) as server:
        endpoint(server, tmp_path / "b.jsonl", requests_per_minute=600).ask(requests(4))
    gaps = [later - earlier for earlier, later in zip(server.times, server.times[1:], strict=False)]
    assert sum(gaps) >= 0.28  # three gaps of a tenth of a second


def test_a_wait_may_be_a_date() -> None:
    assert retry_after("2.5") == 2.5
    assert retry_after(None) is None
    assert retry_after("soon") is None
    later = retry_after(email.utils.formatdate(time.time() + 30, usegmt=True))
    assert later is not None and 28 < later <= 30


@pytest.mark.parametrize(
    ("response", "said"),
    [
        (error(401, f"bad key {KEY}"), r"bad key \[key\](.|\n)*key as MY_KEY"),
        (error(404, "no model m"), r"no model m(.|\n)*model and address"),
        (error(429, "pay first", "insufficient_quota"), r"pay first(.|\n)*see to the account"),
        (error(429, "wait", Retry_After="7200"), "asks to wait 120 minutes"),
        (Response(302, b"", {"Location": "http://127.0.0.1:9/"}), "sends requests on"),
    ],
)
def test_what_will_not_pass_ends_the_work_at_once(
    response: Response, said: str, tmp_path: Path
) -> None:
    with serving(lambda number, body: response) as server:
        asker = endpoint(server, tmp_path / "a.jsonl", concurrency=1, key_variable="MY_KEY")
        with pytest.raises(UserError, match=said) as found:
            asker.ask(requests(50))
    assert len(server.asked) == 1
    assert KEY not in str(found.value)


NO_ANSWER = {
    "refused": completion(None, refusal="I cannot."),
    "filtered": completion("", "content_filter"),
    "no_text": completion("", "tool_calls", tool_calls=[{"type": "function"}]),
    "rejected": error(400, "the prompt is too long"),
    "given_up": error(500, "oops"),
}


@pytest.mark.parametrize("kind", NO_ANSWER)
def test_a_failure_is_never_an_answer(kind: str, tmp_path: Path) -> None:
    def one_fails(number: int, body: dict[str, Any]) -> Response:
        is_it = body["messages"][-1]["content"] == "Say w2"
        return NO_ANSWER[kind] if is_it else echo(number, body)

    with serving(one_fails) as server:
        stops = endpoint(server, tmp_path / "a.jsonl", retries=1, concurrency=1)
        with pytest.raises(UserError, match=f"1 {kind}"):
            stops.ask(requests(5))
        skips = endpoint(server, tmp_path / "a.jsonl", retries=1, on_failure="skip")
        replies = skips.ask(requests(5))
        assert [reply.text for reply in replies] == ["w0", "w1", None, "w3", "w4"]
        assert replies[2].failed == kind
        assert skips.sitting.kept == (2 if kind in ("rejected", "given_up") else 3)
        with pytest.raises(UserError, match="gave no answer"):
            skips.run(requests(5))


@pytest.mark.parametrize("on_failure", ["stop", "skip"])
def test_an_address_where_nobody_listens_is_told_at_once(
    on_failure: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "FIRST_PAUSE", 0.5)  # as it is outside of tests
    with serving(echo) as server:
        pass  # its port is closed again
    asker = endpoint(server, tmp_path / "a.jsonl", retries=8, on_failure=on_failure)
    began = time.monotonic()
    with pytest.raises(UserError, match=r"no connection to 127\.0\.0\.1") as found:
        asker.ask(requests(50))
    assert time.monotonic() - began < 3
    assert server.url in str(found.value) and ERRAND.again in str(found.value)


def test_a_server_that_was_there_is_waited_for(tmp_path: Path) -> None:
    with serving(echo) as server:
        asker = endpoint(server, tmp_path / "a.jsonl", concurrency=1, on_failure="skip")
        server.behaviour = lambda number, body: (
            echo(number, body) if number == 0 else _gone(server, body)
        )
        replies = asker.ask(requests(2))
    assert [reply.text for reply in replies] == ["w0", None]
    assert replies[1].failed == "given_up" and "5 attempts" in replies[1].detail


def _gone(server: ChatServer, body: dict[str, Any]) -> Response:
    """The last answer is torn, and nobody listens from then on."""
    server.server.socket.close()
    return Response(content=completion("w").content, cut=20)


def test_an_endpoint_that_is_down_ends_the_work_though_items_may_be_skipped(
    tmp_path: Path,
) -> None:
    with serving(lambda number, body: error(500, "oops")) as server:
        asker = endpoint(server, tmp_path / "a.jsonl", retries=0, concurrency=1, on_failure="skip")
        with pytest.raises(UserError, match="5 requests in a row"):
            asker.ask(requests(50))
    assert len(server.asked) == 5


@pytest.mark.parametrize("concurrency", [1, 8])
def test_an_endpoint_that_takes_no_request_ends_the_work(tmp_path: Path, concurrency: int) -> None:
    def picky(number: int, body: dict[str, Any]) -> Response:
        return error(400, "no temperature here")

    settings = {"concurrency": concurrency, "on_failure": "skip"}
    with serving(picky) as server:
        with pytest.raises(UserError, match=r"takes no request(.|\n)*no temperature here"):
            endpoint(server, tmp_path / "a.jsonl", **settings).ask(requests(50))
        assert len(server.asked) < 25
        # Where one was answered, the fault is with the items.
        server.behaviour = lambda number, body: (
            echo(0, body) if body["messages"][-1]["content"] == "Say w0" else picky(0, body)
        )
        endpoint(server, tmp_path / "a.jsonl").ask(requests(1))
        replies = endpoint(server, tmp_path / "a.jsonl", **settings).ask(requests(30))
    assert [reply.failed for reply in replies] == [None, *["rejected"] * 29]


def test_what_was_refused_before_is_told_before_the_rest_is_paid_for(tmp_path: Path) -> None:
    def refuses(number: int, body: dict[str, Any]) -> Response:
        is_it = body["messages"][-1]["content"] == "Say w0"
        return NO_ANSWER["refused"] if is_it else echo(number, body)

    with serving(refuses) as server:
        for _ in range(2):
            with pytest.raises(UserError, match="1 refused"):
                endpoint(server, tmp_path / "a.jsonl", concurrency=1).ask(requests(20))
    assert len(server.asked) == 1


def test_no_other_requests_cost_is_counted(tmp_path: Path) -> None:
    with serving(echo) as server:
        for model, price in {"m": 1e6, "other": 2e6}.items():
            asker = endpoint(
                server, tmp_path / "a.jsonl", base=model, prices={model: (price, price)}
            )
            asker.ask(requests(2))
            asker.ask(requests(1))
            assert asker.sitting.cost == 12 * price / 1e6
    assert asker.kept.spent == 2 * 12 * 3  # the cap is the run folder's


def test_nothing_is_charged_where_nobody_was_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(echo) as server:
        pass  # its port is closed again
    prices = {"m": (1e6, 1e6)}
    asker = endpoint(server, tmp_path / "a.jsonl", prices=prices, retries=1, on_failure="skip")

    def times_out(*_: Any, **__: Any) -> Any:
        raise calls.httpx2.ConnectTimeout("")

    with pytest.raises(UserError, match="Connection refused"):
        asker.ask(requests(1))
    monkeypatch.setattr(calls.httpx2.Client, "stream", times_out)
    with pytest.raises(UserError, match="ConnectTimeout"):
        asker.ask(requests(1))
    assert asker.kept.spent == 0


def test_an_error_in_the_place_of_an_answer_is_said(tmp_path: Path) -> None:
    content = json.dumps({"error": {"message": f"upstream is gone, {KEY}"}}).encode()
    with serving(lambda number, body: Response(content=content)) as server:
        asker = endpoint(
            server, tmp_path / "a.jsonl", retries=0, on_failure="skip", key_variable="MY_KEY"
        )
        reply = asker.ask(requests(1))[0]
    assert (reply.failed, KEY in reply.detail) == ("given_up", False)
    assert "an error in place of an answer: upstream is gone, [key]" in reply.detail


@pytest.mark.parametrize(
    ("url", "hidden"),
    [
        ("https://host/v1", True),
        ("http://localhost:8000/v1", True),
        ("http://127.0.0.1/v1", True),
        ("http://[::1]/v1", True),
        ("http://host/v1", False),
        ("http://10.0.0.7/v1", False),
        ("http://localhost.example/v1", False),
    ],
)
def test_a_key_is_never_sent_in_the_open(url: str, hidden: bool, tmp_path: Path) -> None:
    options = EndpointOptions(base="m", url=url, key_variable="MY_KEY")
    served = options.served("base")
    assert served is not None
    if hidden:
        assert key_of(served, "evaluate.endpoint") == KEY
    else:
        with pytest.raises(UserError, match="for all on the way to read"):
            key_of(served, "evaluate.endpoint")
    without = EndpointOptions(base="m", url=url).served("base")
    assert without is not None and key_of(without, "evaluate.endpoint") is None


def test_reasoning_that_used_up_the_length_is_an_empty_answer() -> None:
    reply = read(completion(None, "length").content)
    assert (reply.text, reply.finish_reason, reply.failed) == ("", "length", None)


def test_what_was_answered_is_not_asked_for_again(tmp_path: Path) -> None:
    kept = tmp_path / "a.jsonl"

    def runs_dry(number: int, body: dict[str, Any]) -> Response:
        return echo(number, body) if number < 4 else error(402, "no money")

    with serving(runs_dry) as server:
        with pytest.raises(UserError, match="no money"):
            endpoint(server, kept, concurrency=1).ask(requests(8))
        assert len(server.asked) == 5
        kept.write_bytes(kept.read_bytes() + b'{"key": "tor')  # and the kill left half a line
        server.behaviour = lambda _, body: echo(0, body)
        again = endpoint(server, kept)
        assert [reply.text for reply in again.ask(requests(8))] == words(8)
        assert (again.sitting.kept, len(server.asked)) == (4, 9)
        assert again.ask(requests(8)) and len(server.asked) == 9
        fresh = endpoint(server, kept)
        assert [reply.text for reply in fresh.ask(requests(9))] == words(9)
        assert (fresh.sitting.kept, len(server.asked)) == (8, 10)


def test_equal_questions_are_asked_once(tmp_path: Path) -> None:
    with serving(echo) as server:
        replies = endpoint(server, tmp_path / "a.jsonl").ask(requests(1) * 5)
    assert [reply.text for reply in replies] == ["w0"] * 5
    assert len(server.asked) == 1


def test_the_cap_is_never_passed(tmp_path: Path) -> None:
    prices = {"m": (1e6, 1e6)}  # a token costs 1: a request 12, at most some 120
    with serving(echo) as server:
        asker = endpoint(server, tmp_path / "a.jsonl", prices=prices, max_cost=200.0)
        with pytest.raises(UserError, match=r"max_cost: (\d+) of 200 is spent, \d+ of 20 items"):
            asker.ask(requests(20))
        spent = 12 * len(server.asked)
        assert 80 < spent <= 200
        assert asker.kept.spent == KeptReplies(tmp_path / "a.jsonl").spent == spent
        raised = endpoint(server, tmp_path / "a.jsonl", prices=prices, max_cost=1000.0)
        raised.ask(requests(20))
        assert raised.kept.spent == 240


def test_a_lost_request_counts_as_charged(tmp_path: Path) -> None:
    def torn(number: int, body: dict[str, Any]) -> Response:
        return FAULTS["cut"] if number == 0 else echo(number, body)

    with serving(torn) as server:
        asker = endpoint(server, tmp_path / "a.jsonl", prices={"m": (1e6, 1e6)})
        asker.ask(requests(1))
    most = len(json.dumps(server.asked[0], separators=(",", ":"))) + 8
    assert asker.kept.spent == most + 12
    assert KeptReplies(tmp_path / "a.jsonl").spent == most + 12


@given(st.lists(st.floats(0.1, 5), max_size=20), st.floats(1, 10))
def test_a_purse_never_holds_out_more_than_it_may(amounts: list[float], most: float) -> None:
    purse = Purse(most)
    for amount in amounts:
        try:
            purse.reserve(amount)
        except OverBudget:
            assert purse.spent + amount > most
            continue
        purse.settle(amount, amount / 2)
        assert purse.spent <= most


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(
            ["choices", "message", "content", "refusal", "usage", "finish_reason", "error",
             "tool_calls"]
        ),
        inner, max_size=5,
    ),
    max_leaves=12,
)  # fmt: skip


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_response_is_read_or_is_malformed(content: bytes) -> None:
    try:
        reply = read(content)
    except Malformed:
        return
    assert (reply.text is None) == (reply.failed is not None)


def test_a_missing_key_is_said_before_anything_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    served = EndpointOptions(base="gpt").served("base")
    assert served is not None and served.key_name == "OPENAI_API_KEY"
    with pytest.raises(UserError, match="OPENAI_API_KEY is not set"):
        options = EndpointOptions(base="gpt")
        Endpoint(served, options, DecodeOptions(), KeptReplies(tmp_path / "a"), ERRAND)


def test_a_key_goes_to_the_host_it_is_of_and_no_other() -> None:
    options = EndpointOptions(
        base="a", tuned="b", url="https://a.example/v1", tuned_url="https://b.example/v1",
        key_variable="A_KEY",
    )  # fmt: skip
    named = [options.served(side) for side in ("base", "tuned")]
    assert [served and served.key_name for served in named] == ["A_KEY", None]


@pytest.mark.parametrize(
    "settings",
    [
        {"url": "https://me:secret@host/v1"},
        {"url": "https://host/v1?key=secret"},
        {"url": "host"},
        {"key_variable": "sk-secret"},
        {"base": "m", "max_cost": 1.0},
        {"base": " "},
        *({"parameters": {name: 1}} for name in ("model", "messages", "n", "stream", "max_tokens")),
        {"parameters": {"max_completion_tokens": None}},
    ],
)
def test_a_recipe_can_hold_no_secret_and_no_cap_without_prices(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"expected|needs the price") as found:
        EndpointOptions(**settings)
    assert "sk-secret" not in str(found.value.args)
