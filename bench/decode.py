"""CPU per streamed chunk: each wire's decoder beside the vendor's own SDK, without a network: `python bench/decode.py`.

The stream is one that our renderer writes, in pieces of one event each, so that both sides read the same bytes. An SDK reads
them through its own client over a transport that is given the pieces, which is the least that it can be asked to do. Times
are process CPU, the best of several rounds.
"""

import os
import sys
import time
from importlib.metadata import version

from journeyman.data import Message, ModelResponse, TextDelta, Usage
from journeyman.wire import HttpReply, dialect

WORDS = 2000
ROUNDS = 7
BAR = 5.0
"""Microseconds a chunk (issue 3)."""


def pieces(name):
    wire = dialect(name)
    renderer = wire.renderer()
    words = [f"word{number} " for number in range(WORDS)]
    out = [renderer.feed(TextDelta(word)) for word in words]
    answer = ModelResponse(Message.assistant("".join(words)), Usage(3, output=WORDS), "stop", "m", None)
    return [*out, renderer.finish(answer)], answer.message.text


def best(work):
    times = []
    for _ in range(ROUNDS):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times) / WORDS * 1e6


def ours(name):
    wire = dialect(name)
    data, text = pieces(name)
    head = HttpReply(200, {"content-type": wire.stream_type})

    def work():
        decoder = wire.decoder(head)
        for piece in data:
            decoder.feed(piece)
        assert decoder.finish().message.text == text

    return best(work)


def mounted(library, name):
    """A client of an httpx-like library that answers every request with the stream."""
    wire = dialect(name)
    data, text = pieces(name)

    def answer(_):
        return library.Response(200, headers={"content-type": wire.stream_type}, stream=Pieces(library, data))

    return library.Client(transport=library.MockTransport(answer)), text


def Pieces(library, data):
    class Stream(library.SyncByteStream):
        def __iter__(self):
            return iter(data)

    return Stream()


def openai_chat():
    import httpx2
    import openai

    http, text = mounted(httpx2, "openai_chat")
    client = openai.OpenAI(api_key="x", base_url="http://x.test/v1", http_client=http)

    def work():
        stream = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}], stream=True)
        assert "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices) == text

    return "openai", work


def openai_responses():
    import httpx2
    import openai

    http, text = mounted(httpx2, "openai_responses")
    client = openai.OpenAI(api_key="x", base_url="http://x.test/v1", http_client=http)

    def work():
        stream = client.responses.create(model="m", input="x", stream=True)
        assert "".join(event.delta for event in stream if event.type == "response.output_text.delta") == text

    return "openai", work


def anthropic_messages():
    import anthropic
    import httpx2

    http, text = mounted(httpx2, "anthropic")
    client = anthropic.Anthropic(api_key="x", base_url="http://x.test", http_client=http)

    def work():
        stream = client.messages.create(
            model="m", max_tokens=9, messages=[{"role": "user", "content": "x"}], stream=True
        )
        got = [event.delta.text for event in stream if event.type == "content_block_delta"]
        assert "".join(got) == text

    return "anthropic", work


def gemini():
    import httpx
    from google import genai

    http, text = mounted(httpx, "gemini")
    client = genai.Client(
        api_key="x", http_options=genai.types.HttpOptions(base_url="http://x.test", httpx_client=http)
    )

    def work():
        stream = client.models.generate_content_stream(model="m", contents="x")
        assert "".join(chunk.text or "" for chunk in stream) == text

    return "google-genai", work


def cohere():
    import cohere as sdk
    import httpx

    http, text = mounted(httpx, "cohere")
    client = sdk.ClientV2(api_key="x", base_url="http://x.test", httpx_client=http)

    def work():
        got = []
        for event in client.chat_stream(model="m", messages=[{"role": "user", "content": "x"}]):
            if event.type == "content-delta":
                got.append(event.delta.message.content.text)
        assert "".join(got) == text

    return "cohere", work


def ollama():
    import httpx
    import ollama as sdk

    data, text = pieces("ollama")

    class Fixed(httpx.BaseTransport):
        def handle_request(self, request):
            return httpx.Response(
                200, headers={"content-type": "application/x-ndjson"}, stream=Pieces(httpx, data), request=request
            )

    client = sdk.Client(host="http://x.test", transport=Fixed())

    def work():
        stream = client.chat("m", messages=[{"role": "user", "content": "x"}], stream=True)
        assert "".join(part.message.content or "" for part in stream) == text

    return "ollama", work


def bedrock():
    import boto3
    from botocore.eventstream import EventStreamBuffer
    from botocore.parsers import EventStreamJSONParser

    data, text = pieces("bedrock")
    client = boto3.client("bedrock-runtime", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    shape = client.meta.service_model.operation_model("ConverseStream").get_event_stream_output()
    parser = EventStreamJSONParser()

    def work():
        buffer = EventStreamBuffer()
        got = []
        for piece in data:
            buffer.add_data(piece)
            for event in buffer:
                parsed = parser.parse(event.to_response_dict(200), shape)
                if "contentBlockDelta" in parsed:
                    got.append(parsed["contentBlockDelta"]["delta"]["text"])
        assert "".join(got) == text

    return "botocore", work


SDKS = {
    "openai_chat": openai_chat,
    "openai_responses": openai_responses,
    "anthropic": anthropic_messages,
    "gemini": gemini,
    "bedrock": bedrock,
    "cohere": cohere,
    "ollama": ollama,
}


def main():
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        del os.environ[name]
    wanted = sys.argv[1:] or list(SDKS)
    print("| wire | ours, µs a chunk | SDK, µs a chunk | SDK | ratio | bar 5 µs |")
    print("|---|---|---|---|---|---|")
    for name in wanted:
        own = ours(name)
        package, work = SDKS[name]()
        theirs = best(work)
        cleared = "cleared" if own <= BAR else "not cleared"
        print(
            f"| {name} | {own:.2f} | {theirs:.1f} | {package} {version(package)} | {theirs / own:.0f} × | {cleared} |"
        )


if __name__ == "__main__":
    main()
