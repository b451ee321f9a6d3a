"""Amazon's own SDK takes us for Bedrock: boto3 is a client that others wrote."""

import contextlib
import json
import os

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError
from msgspec.structs import replace

from journeyman.adapters.auth_aws import AwsKeys, aws_signer
from journeyman.adapters.transport_aiohttp import AiohttpTransport
from journeyman.data import (
    Image,
    JsonOutput,
    Message,
    ModelRequest,
    ModelResponse,
    Opaque,
    ProviderError,
    Secret,
    Text,
    TextDelta,
    Thinking,
    ToolCall,
    Usage,
)
from journeyman.providers import Capabilities
from journeyman.testing import Fault, provider_twin
from journeyman.wire.bedrock import Bedrock

MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
HI = [{"role": "user", "content": [{"text": "Hi"}]}]
HELLO = ModelResponse(
    Message.assistant("Hello there, you"), Usage(input=11, cache_read=4, cache_write=2, output=3), raw_id="id-7"
)
THOUGHT = Thinking("Let me think.", Opaque("bedrock", {"signature": "c2lnbmVk"}))
CALLS = [Text("Let me see."), ToolCall("call_1", "add", '{"a":1,"b":2}'), ToolCall("call_2", "now", "{}")]
ADD = {
    "toolSpec": {
        "name": "add",
        "description": "Adds.",
        "inputSchema": {"json": {"type": "object", "properties": {"a": {"type": "integer"}}}},
    }
}


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    """The SDK would take a proxy or a key from the environment even to this machine."""
    for name in os.environ:
        if name.lower().endswith("_proxy") or name.startswith("AWS_"):
            monkeypatch.delenv(name)


class Broken:
    """A model that fails after its first words."""

    name = "broken:model"
    capabilities = Capabilities()

    def __init__(self, status):
        self.status = status

    async def respond(self, request, emit=None, record=None):
        if emit:
            emit([TextDelta("Well")])
        raise ProviderError("it fell over", status=self.status)


@contextlib.contextmanager
def talking(script, **options):
    """A client pointed at a twin in another thread, as Bedrock is."""
    with provider_twin(script, **options) as twin:
        client = boto3.client(
            "bedrock-runtime",
            endpoint_url=twin.url,
            region_name="us-east-1",
            aws_access_key_id="AKIDEXAMPLE",
            aws_secret_access_key="made up",
            config=Config(retries={"total_max_attempts": 1}),
        )
        with contextlib.closing(client):
            yield client, twin


def streamed(reply):
    """The events of a streamed reply, by name."""
    # The SDK leaves its connection to the garbage collector, unless it is told.
    with contextlib.closing(reply["stream"]) as events:
        return [next(iter(event.items())) for event in events]


def test_an_answer():
    """A plain answer has its words, its ending, its usage and its id."""
    with talking([HELLO]) as (client, twin):
        answer = client.converse(
            modelId=MODEL,
            messages=HI,
            system=[{"text": "Be brief."}, {"cachePoint": {"type": "default"}}],
            inferenceConfig={"temperature": 0.5, "maxTokens": 9, "stopSequences": ["END"]},
        )
    assert answer["output"]["message"] == {"role": "assistant", "content": [{"text": "Hello there, you"}]}
    assert answer["stopReason"] == "end_turn"
    assert answer["usage"] == {
        "inputTokens": 11,
        "outputTokens": 3,
        "totalTokens": 20,
        "cacheReadInputTokens": 4,
        "cacheWriteInputTokens": 2,
    }
    assert answer["ResponseMetadata"]["RequestId"] == "id-7"
    (asked,) = twin.requests
    assert (asked.model, asked.messages[0].text, asked.messages[1].text) == (MODEL, "Be brief.", "Hi")
    assert (asked.settings.temperature, asked.settings.max_tokens, asked.settings.stop) == (0.5, 9, ("END",))


def test_a_stream():
    """A streamed answer comes in events that the SDK knows, word by word."""
    with talking([HELLO]) as (client, twin):
        events = streamed(client.converse_stream(modelId=MODEL, messages=HI))
    assert [name for name, _ in events] == [
        "messageStart",
        *["contentBlockDelta"] * 3,
        "contentBlockStop",
        "messageStop",
        "metadata",
    ]
    assert (
        "".join(event["delta"]["text"] for name, event in events if name == "contentBlockDelta") == "Hello there, you"
    )
    assert events[-2][1] == {"stopReason": "end_turn"}
    assert events[-1][1]["usage"]["totalTokens"] == 20
    assert twin.requests[0].stream


def test_tools_there_and_back():
    """Calls come out, and a result goes in with the history before it."""
    with talking([CALLS, "3, at noon"]) as (client, twin):
        config = {"tools": [ADD], "toolChoice": {"any": {}}}
        first = client.converse(modelId=MODEL, messages=HI, toolConfig=config)
        turn = first["output"]["message"]
        assert first["stopReason"] == "tool_use"
        assert [block["toolUse"]["input"] for block in turn["content"][1:]] == [{"a": 1, "b": 2}, {}]
        results = [
            {"toolResult": {"toolUseId": "call_1", "content": [{"json": {"sum": 3}}], "status": "success"}},
            {"toolResult": {"toolUseId": "call_2", "content": [{"text": "no clock"}], "status": "error"}},
        ]
        messages = [*HI, turn, {"role": "user", "content": results}]
        second = client.converse(modelId=MODEL, messages=messages, toolConfig=config)
    assert second["output"]["message"]["content"] == [{"text": "3, at noon"}]
    asked = twin.requests[1]
    assert asked.settings.tool_choice.mode == "required"
    assert asked.messages[1].text == "Let me see."
    assert [(call.id, call.name, json.loads(call.arguments)) for call in asked.messages[1].tool_calls] == [
        ("call_1", "add", {"a": 1, "b": 2}),
        ("call_2", "now", {}),
    ]
    assert [(part.name, part.text, part.is_error) for part in asked.messages[2].tool_results] == [
        ("add", '{"sum": 3}', False),
        ("now", "no clock", True),
    ]


def test_tools_in_a_stream():
    """A streamed call has its name in its start and its input in pieces."""
    with talking([CALLS]) as (client, _):
        events = streamed(client.converse_stream(modelId=MODEL, messages=HI, toolConfig={"tools": [ADD]}))
    starts = [event["start"]["toolUse"] for name, event in events if name == "contentBlockStart"]
    assert starts == [{"toolUseId": "call_1", "name": "add"}, {"toolUseId": "call_2", "name": "now"}]
    inputs = [event["delta"]["toolUse"]["input"] for _, event in events if "toolUse" in event.get("delta", {})]
    assert inputs == ['{"a":1,"b":2}', "{}"]
    assert events[-2][1]["stopReason"] == "tool_use"


def test_thoughts_there_and_back():
    """Signed thoughts come out whole and in a stream, and the next request brings them back."""
    with talking([[THOUGHT, Text("So.")], [THOUGHT, Text("So.")], "fine"]) as (client, twin):
        fields = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
        turn = client.converse(modelId=MODEL, messages=HI, additionalModelRequestFields=fields)["output"]["message"]
        assert turn["content"][0] == {
            "reasoningContent": {"reasoningText": {"text": "Let me think.", "signature": "c2lnbmVk"}}
        }
        events = streamed(client.converse_stream(modelId=MODEL, messages=HI))
        thoughts = [
            event["delta"]["reasoningContent"] for _, event in events if "reasoningContent" in event.get("delta", {})
        ]
        assert "".join(thought.get("text", "") for thought in thoughts) == "Let me think."
        assert thoughts[-1] == {"signature": "c2lnbmVk"}
        client.converse(modelId=MODEL, messages=[*HI, turn, *HI])
    assert twin.requests[0].settings.thinking_tokens == 1024
    assert twin.requests[2].messages[1].parts == (THOUGHT, Text("So."))


def test_structured_output():
    """A schema goes in as the provider's own JSON mode."""
    schema = {"schema": '{"type": "object"}', "name": "city", "description": "A city."}
    form = {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": schema}}}
    with talking(['{"name":"Rome"}']) as (client, twin):
        answer = client.converse(modelId=MODEL, messages=HI, outputConfig=form)
    assert answer["output"]["message"]["content"] == [{"text": '{"name":"Rome"}'}]
    assert twin.requests[0].output == JsonOutput("city", {"type": "object"}, "A city.")


def test_pictures_and_documents():
    """Media arrive as bytes."""
    content = [
        {"text": "What is this?"},
        {"image": {"format": "png", "source": {"bytes": b"\x89PNG"}}},
        {"document": {"format": "pdf", "name": "report", "source": {"s3Location": {"uri": "s3://bucket/report.pdf"}}}},
    ]
    with talking(["A picture"]) as (client, twin):
        client.converse(modelId=MODEL, messages=[{"role": "user", "content": content}])
    _, image, document = twin.requests[0].messages[0].parts
    assert image == Image("image/png", b"\x89PNG")
    assert (document.media_type, document.url, document.name) == ("application/pdf", "s3://bucket/report.pdf", "report")


def test_an_arn_is_a_name():
    """A name with slashes and colons arrives as it was given."""
    arn = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0"
    with talking(["yes", "yes"]) as (client, twin):
        client.converse(modelId=arn, messages=HI)
        streamed(client.converse_stream(modelId=arn, messages=HI))
    assert [(asked.model, asked.stream) for asked in twin.requests] == [(arn, False), (arn, True)]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("status", "name"),
    [
        (400, "ValidationException"),
        (401, "UnrecognizedClientException"),
        (403, "AccessDeniedException"),
        (404, "ResourceNotFoundException"),
        (408, "ModelTimeoutException"),
        (429, "ThrottlingException"),
        (500, "InternalServerException"),
        (503, "ServiceUnavailableException"),
    ],
)
def test_refusals(status, name, stream):
    """An error has the name that the SDK makes an exception of, its status, its words and when to come again."""
    fault = Fault(status=status, message="not now", retry_after=7 if status == 429 else None)
    with talking(["never"], faults={0: fault}) as (client, _):
        ask = client.converse_stream if stream else client.converse
        with pytest.raises(ClientError) as caught:
            ask(modelId=MODEL, messages=HI)
        assert isinstance(caught.value, getattr(client.exceptions, name, ClientError))
    reply = caught.value.response
    assert reply["Error"] == {"Message": "not now", "Code": name}
    assert reply["ResponseMetadata"]["HTTPStatusCode"] == status
    assert reply["ResponseMetadata"]["HTTPHeaders"].get("retry-after") == ("7" if status == 429 else None)


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (400, "validationException"),
        (424, "modelStreamErrorException"),
        (429, "throttlingException"),
        (500, "internalServerException"),
        (503, "serviceUnavailableException"),
    ],
)
def test_an_error_inside_a_stream(status, name):
    """A model that fails after its first words ends the stream with an exception of the wire's."""
    with talking(Broken(status)) as (client, _):
        reply = client.converse_stream(modelId=MODEL, messages=HI)
        with pytest.raises(EventStreamError) as caught:
            streamed(reply)
    assert caught.value.response["Error"] == {"Message": "it fell over", "Code": name}


@pytest.mark.parametrize("stream", [False, True])
async def test_our_own_request_arrives_as_it_was_signed(stream):
    """What we encode and sign reaches the server over our transport with the path that the signature is of."""
    arn = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-v1:0"
    keys = AwsKeys("AKIDEXAMPLE", Secret("made up"))
    wire, transport = Bedrock(), AiohttpTransport()
    async with provider_twin([HELLO]) as twin:
        asked = wire.encode(ModelRequest(arn, (Message.user("Hi"),)), stream=stream)
        signed = await aws_signer("us-east-1", keys=keys)(replace(asked, path=twin.url + asked.path))
        async with transport.exchange(signed) as reply:
            decoder = wire.decoder(reply.head)
            async for chunk in reply.chunks():
                decoder.feed(chunk)
        await transport.close()
    assert decoder.finish().message == HELLO.message
    assert twin.raw[0].path == asked.path
    assert twin.requests[0].model == arn
