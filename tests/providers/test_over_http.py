"""What a vendor's row says, as a server sees it."""

from journeyman.compose import open_model
from journeyman.data import Message, ModelRequest
from journeyman.testing import provider_twin


async def test_a_server_that_closes_without_a_word_is_asked_on_fresh_connections():
    """llama.cpp's server closes a connection that it said it would keep, so each request asks for one of its own."""
    async with provider_twin(["one", "two"]) as twin, open_model("llamacpp:any", base_url=twin.url) as model:
        for _ in range(2):
            await model.respond(ModelRequest("", (Message.user("Hi"),)), lambda _: None)
    assert [request.headers["connection"] for request in twin.raw] == ["close", "close"]
