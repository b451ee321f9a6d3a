"""Servers on this machine or in one's own house, any compatible server, and models that run in this process."""

from __future__ import annotations

from ...wire import ChatQuirks
from ..capabilities import Capabilities
from ..vendor import Vendor, Wire
from .addresses import ollama_address, ollama_chat_address

_PLAIN = ChatQuirks(max_tokens="max_tokens", no_content="empty", tool_choice="named")
_UNKNOWN = Capabilities(json_schema=None, vision=None, audio=None, video=None, documents=None, thinking=None)
# Schemas are kept by a grammar that leaves no room for calling a tool.
_GRAMMAR = Capabilities(schema_beside_tools=False, vision=None, audio=None, video=None, documents=None, thinking=None)
_IN_PROCESS = Capabilities(
    json_schema=False, vision=False, audio=False, video=False, documents=False, thinking=False, embeddings=False
)

ROWS = (
    Vendor(
        name="ollama",
        dialect="ollama",
        base_url="http://127.0.0.1:11434",
        address=ollama_address,
        # Only its hosted models ask for one.
        key_env="OLLAMA_API_KEY",
        url_env="OLLAMA_BASE_URL",
        url_aliases=("OLLAMA_HOST",),
        capabilities=_GRAMMAR,
        wires=(
            Wire(
                suffix="chat",
                dialect="openai_chat",
                base_url="http://127.0.0.1:11434/v1",
                address=ollama_chat_address,
                quirks=_PLAIN,
            ),
        ),
        local=True,
        listing="ollama",
    ),
    Vendor(
        name="lmstudio",
        dialect="openai_chat",
        base_url="http://127.0.0.1:1234/v1",
        key_env="LMSTUDIO_API_KEY",
        url_env="LMSTUDIO_BASE_URL",
        quirks=ChatQuirks(max_tokens="max_tokens", tool_choice="modes"),
        capabilities=_GRAMMAR,
        wires=(Wire(suffix="responses", dialect="openai_responses"),),
        local=True,
    ),
    Vendor(
        name="llamacpp",
        dialect="openai_chat",
        # It announces that a connection stays and closes it behind a streamed answer; the next request would be lost on it.
        headers=(("connection", "close"),),
        base_url="http://127.0.0.1:8080/v1",
        # Of `llama-server --api-key`.
        key_env="LLAMACPP_API_KEY",
        url_env="LLAMACPP_BASE_URL",
        quirks=ChatQuirks(max_tokens="max_tokens", top_k=True, tool_choice="modes"),
        capabilities=_GRAMMAR,
        local=True,
    ),
    Vendor(
        name="vllm",
        dialect="openai_chat",
        base_url="http://127.0.0.1:8000/v1",
        key_env="VLLM_API_KEY",
        url_env="VLLM_BASE_URL",
        quirks=ChatQuirks(max_tokens="max_tokens", reasoning="reasoning", video=True, top_k=True, tool_choice="named"),
        capabilities=_UNKNOWN,
        wires=(Wire(suffix="responses", dialect="openai_responses"),),
        local=True,
    ),
    Vendor(
        name="compatible",
        dialect="openai_chat",
        base_url=None,
        key_env="COMPATIBLE_API_KEY",
        url_env="COMPATIBLE_BASE_URL",
        quirks=_PLAIN,
        capabilities=_UNKNOWN,
        local=True,
    ),
    Vendor(
        name="transformers",
        dialect="in_process",
        base_url=None,
        local=True,
        capabilities=_IN_PROCESS,
        listing=None,
    ),
    Vendor(
        name="airllm",
        dialect="in_process",
        base_url=None,
        local=True,
        capabilities=_IN_PROCESS,
        listing=None,
    ),
)
