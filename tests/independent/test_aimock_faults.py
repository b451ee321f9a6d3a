"""aimock on its bad days: errors of every status, refusals, broken bodies and connections, on every wire that it speaks."""

import pytest
from servers import KEY, PLACES

from journeyman import Agent, ProviderError, open_model, resume
from journeyman.adapters.log_memory import MemoryLog
from journeyman.models import RetryPolicy

EACH = pytest.mark.parametrize("name", list(PLACES))
WAYS = pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])

STATUSES = {
    400: "invalid_request",
    401: "authentication",
    403: "permission",
    404: "not_found",
    429: "rate_limit",
    500: "server",
    503: "overloaded",
    529: "overloaded",
}
LONG = "The quick brown fox jumps over the lazy dog. " * 4
ANSWERS = [
    *(
        {
            "match": {"userMessage": f"Give me {status}"},
            "response": {
                "error": {"message": f"so it goes {status}", "type": "odd"},
                "status": status,
                "retryAfter": 7,
            },
        }
        for status in STATUSES
    ),
    {"match": {"userMessage": "Hello"}, "response": {"content": "Hello."}},
    # A pause between the pieces, or Node would throw away what it has not sent yet when it hangs up.
    {"match": {"userMessage": "Break off"}, "response": {"content": LONG}, "truncateAfterChunks": 12, "latency": 3},
    {
        "match": {"userMessage": "Flaky", "sequenceIndex": 0},
        "response": {"error": {"message": "too busy", "type": "odd"}, "status": 503},
    },
    {"match": {"userMessage": "Flaky", "sequenceIndex": 1}, "response": {"content": "Here I am."}},
]

NO_WORDS = 'AWS tells of errors in `message` (its page "Error message format"); aimock wraps that in an object `error`'
"""Why the words of an error are within more words on Bedrock's wire."""


@pytest.fixture(scope="module", autouse=True)
def _answers(aimock):
    aimock.answer(*ANSWERS)


@pytest.fixture
def model(aimock, here, name):
    """Makes the model of a test, which stands before the server under the test's name."""

    def make(*, key=KEY, retry=None):
        return open_model(name, base_url=aimock.place(name, here), api_key=key, retry=retry)

    return make


async def asked(model, prompt, shown, *, streamed):
    """Run to the end; words are shown as they come."""
    agent = Agent(model, journal=MemoryLog())
    if not streamed:
        return await agent.run(prompt)
    async with agent.run_stream(prompt) as stream:
        async for text in stream.text():
            shown.append(text)
    return stream.result


async def failed(model, prompt, *, streamed=False):
    """The error that a run ends with, and the words that came before it."""
    shown = []
    with pytest.raises(ProviderError) as caught:
        await asked(model, prompt, shown, streamed=streamed)
    return caught.value, "".join(shown)


def told(error, name, words):
    """Whether the error is told in the provider's own words."""
    return words in error.message if name.startswith("bedrock:") else words == error.message.partition(": ")[2]


@EACH
@pytest.mark.parametrize("status", STATUSES)
async def test_errors(model, name, status):
    """An error keeps its status, its words, and when to come back."""
    error, _ = await failed(model(), f"Give me {status}")
    assert (error.status, error.kind) == (status, STATUSES[status])
    assert told(error, name, f"so it goes {status}")
    assert error.retry_after == (7 if status == 429 else None)


@EACH
async def test_a_wrong_key(model, name):
    """The key goes where the vendor looks for it, for with another one it is refused; and the error does not repeat it."""
    error, _ = await failed(model(key="sk-of-somebody-else"), "Hello")
    assert (error.status, error.kind) == (401, "authentication")
    assert told(error, name, "Invalid API key")
    assert "sk-of-somebody-else" not in f"{error}{error.body}"


@EACH
@WAYS
@pytest.mark.parametrize(
    ("rate", "status", "kind"),
    [
        ("dropRate", 500, "server"),
        ("rateLimitRate", 429, "rate_limit"),
        ("malformedRate", 200, "server"),
        ("disconnectRate", None, "connection"),
    ],
)
async def test_chaos(aimock, here, model, name, streamed, rate, status, kind):  # noqa: PLR0913, PLR0917  (fixtures)
    """A refusal, a body that is no JSON, a connection that is closed: each is the provider's error of its kind."""
    aimock.chaos(here, **{rate: 1})
    error, _ = await failed(model(), "Hello", streamed=streamed)
    assert (error.status, error.kind) == (status, kind)
    assert error.retry_after == (1 if status == 429 else None)


@EACH
async def test_a_stream_that_breaks_off(model, name):
    """What came before the break is shown, and the answer is none."""
    error, shown = await failed(model(), "Break off", streamed=True)
    assert error.kind == "stream"
    assert LONG.startswith(shown)
    assert 0 < len(shown) < len(LONG)


@pytest.mark.parametrize("name", ["openai-responses:gpt-5", "bedrock:us.anthropic.claude-sonnet-4-20250514-v1:0"])
async def test_a_run_goes_on_after_a_bad_day(aimock, here, model, name):
    """Resumed when the provider is well again, the run ends as if nothing had been."""
    agent = Agent(model(), journal=MemoryLog())
    aimock.chaos(here, disconnectRate=1)
    with pytest.raises(ProviderError) as caught:
        await agent.run("Hello")
    aimock.chaos(here)
    result = await resume(caught.value.run_id, agent=agent)
    assert result.output == "Hello."


@EACH
@WAYS
async def test_a_moment_of_weakness(aimock, here, model, name, streamed):
    """A provider that is too busy is asked again, and the run says that it was."""
    result = await asked(model(retry=RetryPolicy(retry_delay=0)), "Flaky", [], streamed=streamed)
    assert result.output == "Here I am."
    (retried,) = [fact for fact in result.facts if type(fact).__name__ == "ModelRetried"]
    assert (retried.attempt, retried.failure.status) == (2, 503)
    assert [request["response"]["status"] for request in aimock.asked(here)] == [503, 200]


@EACH
async def test_nothing_to_say(model, name):
    """A server without an answer says so, and its words arrive."""
    error, _ = await failed(model(), "What nobody foresaw")
    assert error.status == 503
    assert told(error, name, "Strict mode: no fixture matched")
