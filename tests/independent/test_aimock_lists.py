"""aimock's models and vectors, as far as it has ways of asking for them that we use."""

import pytest
from servers import KEY

from journeyman.compose import get_available_models, open_embedder

VECTORS = [0.5, -0.25, 1.0]
TEXTS = ["Köln", "Bonn"]


@pytest.fixture(scope="module", autouse=True)
def _answers(aimock):
    aimock.answer({"match": {"inputText": "Köln"}, "response": {"embedding": VECTORS}})


@pytest.mark.parametrize(
    ("name", "path"), [("openai:text-embedding-3-small", "/v1"), ("cohere:embed-v4.0", ""), ("ollama:nomic-embed", "")]
)
async def test_vectors(aimock, name, path):
    """A text's vector is the one that the server has for it."""
    embedder = open_embedder(name, base_url=f"{aimock.url}{path}", api_key=KEY)
    answer = await embedder.embed(TEXTS[:1])
    assert [list(vector) for vector in answer.vectors] == [VECTORS]


async def test_models(aimock, monkeypatch):
    """The models that the server has answers for are found, asked for as OpenAI's and as Ollama's."""
    aimock.answer({"match": {"userMessage": "Hi", "model": "gpt-5-mini"}, "response": {"content": "Hi."}})
    monkeypatch.setenv("OPENAI_BASE_URL", f"{aimock.url}/v1")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OLLAMA_BASE_URL", aimock.url)
    monkeypatch.setenv("OLLAMA_API_KEY", KEY)
    found = await get_available_models(["openai", "ollama"])
    assert found.unreachable == ()
    assert [model.name for model in found.models] == ["openai:gpt-5-mini", "ollama:gpt-5-mini"]
