"""Vendors with wires of their own: OpenAI and Azure, Anthropic, Google, Amazon, Mistral, Cohere."""

from __future__ import annotations

from ...wire import ChatQuirks
from ..capabilities import Capabilities
from ..vendor import Models, Vendor, Wire
from .addresses import azure_address, bedrock_address, vertex_address

_GEMINI = Capabilities()
# Before the third generation a response schema and function declarations exclude each other (Google's page "Structured
# outputs"), and thinking came with 2.5.
_GEMINI_2 = Capabilities(schema_beside_tools=False)
_GEMINI_EXCEPTIONS = (
    Models(
        names=("gemini-1", "gemini-2.0", "learnlm"),
        capabilities=Capabilities(schema_beside_tools=False, thinking=False),
    ),
    Models(names=("gemini-2.", "gemini-flash-lite-latest"), capabilities=_GEMINI_2),
    Models(names=("gemma",), capabilities=Capabilities(json_schema=None, audio=None, video=None, thinking=None)),
)

_CLAUDE = Capabilities(audio=False, video=False, embeddings=False)

_GPT = Capabilities(audio=None, video=False, thinking=None)
_GPT_THINKING = Capabilities(audio=False, video=False)
_GPT_TEXT = Capabilities(json_schema=False, vision=False, audio=False, video=False, documents=False, thinking=False)

_OPENAI = ChatQuirks(call_ids="short", reasoning="drop", extra_content=False)

ROWS = (
    Vendor(
        name="openai",
        # Which wire: OpenAI's reasoning models lose their thoughts between tool calls on Chat Completions, and from
        # gpt-5.4 on they refuse tools with any effort there ("Please use /v1/responses instead"). All others speak it,
        # with settings that Responses has no place for (stop, seed, penalties, audio), as do most servers that
        # OPENAI_BASE_URL is pointed at. `openai-chat:` and `openai-responses:` choose by hand.
        dialect="openai_chat",
        base_url="https://api.openai.com/v1",
        key_env="OPENAI_API_KEY",
        url_env="OPENAI_BASE_URL",
        quirks=_OPENAI,
        capabilities=_GPT,
        exceptions=(
            Models(
                names=("gpt-3.5", "davinci", "babbage"),
                capabilities=_GPT_TEXT,
            ),
            Models(
                names=("gpt-4o-audio", "gpt-4o-mini-audio", "gpt-audio"),
                capabilities=Capabilities(
                    json_schema=False, vision=False, documents=False, video=False, thinking=False
                ),
            ),
            Models(
                names=("gpt-4o", "gpt-4.", "chatgpt-4o"),
                capabilities=Capabilities(audio=False, video=False, thinking=False),
            ),
            Models(
                names=("gpt-4-turbo",),
                capabilities=Capabilities(json_schema=False, audio=False, video=False, documents=False, thinking=False),
            ),
            Models(names=("gpt-4-", "gpt-4"), capabilities=_GPT_TEXT),
            Models(
                names=("o1-mini", "o1-preview"),
                capabilities=Capabilities(
                    tools=False,
                    json_schema=False,
                    vision=False,
                    audio=False,
                    video=False,
                    documents=False,
                    thinking=False,
                ),
            ),
            Models(
                names=("o3-mini",),
                capabilities=Capabilities(vision=False, audio=False, video=False, documents=False),
                dialect="openai_responses",
            ),
            Models(
                names=("gpt-5", "gpt-6", "gpt-7", "gpt-8", "gpt-9", "o1", "o3", "o4", "codex", "computer-use"),
                capabilities=_GPT_THINKING,
                dialect="openai_responses",
            ),
        ),
        wires=(Wire(suffix="chat", dialect="openai_chat"), Wire(suffix="responses", dialect="openai_responses")),
        keys_at="https://platform.openai.com/api-keys",
        prices="openai",
    ),
    Vendor(
        name="azure",
        # A model's name is that of a deployment, which tells nothing of the model behind it.
        dialect="openai_chat",
        base_url=None,
        address=azure_address,
        key_env="AZURE_OPENAI_API_KEY",
        url_env="AZURE_OPENAI_ENDPOINT",
        auth="api-key",
        quirks=_OPENAI,
        capabilities=Capabilities(
            json_schema=None, vision=None, audio=None, video=False, documents=None, thinking=None
        ),
        wires=(Wire(suffix="chat", dialect="openai_chat"), Wire(suffix="responses", dialect="openai_responses")),
        keys_at="https://portal.azure.com",
        prices="azure",
    ),
    Vendor(
        name="anthropic",
        dialect="anthropic",
        base_url="https://api.anthropic.com",
        key_env="ANTHROPIC_API_KEY",
        url_env="ANTHROPIC_BASE_URL",
        auth="x-api-key",
        capabilities=_CLAUDE,
        exceptions=(
            # Extended thinking began with Claude 3.7, structured outputs with 4.1 and 4.5 (Anthropic's pages of these
            # names); what is older refuses `thinking` and `output_config`.
            Models(
                names=("claude-3-7",),
                capabilities=Capabilities(json_schema=False, audio=False, video=False, embeddings=False),
            ),
            Models(
                names=("claude-3", "claude-2", "claude-instant"),
                capabilities=Capabilities(
                    json_schema=False, audio=False, video=False, thinking=False, embeddings=False
                ),
            ),
            Models(
                names=("claude-sonnet-4-0", "claude-sonnet-4-2", "claude-opus-4-0", "claude-opus-4-2"),
                capabilities=Capabilities(json_schema=False, audio=False, video=False, embeddings=False),
            ),
        ),
        keys_at="https://console.anthropic.com/settings/keys",
        listing="anthropic",
        prices="anthropic",
    ),
    Vendor(
        name="gemini",
        dialect="gemini",
        base_url="https://generativelanguage.googleapis.com/v1beta",
        # Google's own SDK asks for both, and names the second one in its pages.
        key_env="GEMINI_API_KEY",
        key_aliases=("GOOGLE_API_KEY",),
        url_env="GEMINI_BASE_URL",
        auth="x-goog-api-key",
        capabilities=_GEMINI,
        exceptions=_GEMINI_EXCEPTIONS,
        wires=(
            Wire(
                suffix="chat",
                dialect="openai_chat",
                base_url="https://generativelanguage.googleapis.com/v1beta/openai",
                auth="bearer",
                quirks=ChatQuirks(tool_choice="named"),
            ),
        ),
        keys_at="https://aistudio.google.com/apikey",
        listing="gemini",
        prices="google",
    ),
    Vendor(
        name="vertex",
        dialect="gemini",
        base_url=None,
        address=vertex_address,
        # Without a key: application default credentials (adapters/auth_google.py), project and location.
        key_env="GOOGLE_API_KEY",
        url_aliases=("GOOGLE_CLOUD_PROJECT", "GOOGLE_CLOUD_LOCATION"),
        auth="google",
        capabilities=_GEMINI,
        exceptions=_GEMINI_EXCEPTIONS,
        keys_at="https://console.cloud.google.com/vertex-ai/studio/settings/api-keys",
        # Its list of publisher models has another address and another permission than its models.
        listing=None,
        prices="google",
    ),
    Vendor(
        name="bedrock",
        dialect="bedrock",
        base_url=None,
        address=bedrock_address,
        # A Bedrock API key; without one requests are signed with what AWS's own tools find (adapters/auth_aws.py).
        key_env="AWS_BEARER_TOKEN_BEDROCK",
        url_env="AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
        url_aliases=("AWS_REGION", "AWS_DEFAULT_REGION"),
        auth="aws",
        # Behind it are models of a dozen makers.
        capabilities=Capabilities(json_schema=None, vision=None, audio=None, video=None, documents=None, thinking=None),
        keys_at="https://console.aws.amazon.com/bedrock/home#/api-keys",
        listing="bedrock",
        prices="aws",
    ),
    Vendor(
        name="mistral",
        dialect="openai_chat",
        base_url="https://api.mistral.ai/v1",
        key_env="MISTRAL_API_KEY",
        # Mistral's API reference: keys that it does not know are refused with 422, and usage comes without being asked for.
        quirks=ChatQuirks(
            max_tokens="max_tokens",
            reasoning="blocks",
            stream_usage=False,
            call_ids="nine",
            documents="document_url",
            extra_content=False,
            seed="random_seed",
            audio="plain",
            tool_choice="named",
        ),
        capabilities=Capabilities(vision=None, audio=None, video=False, thinking=None),
        exceptions=(
            Models(
                names=("codestral", "devstral", "open-mistral", "open-mixtral"),
                capabilities=Capabilities(vision=False, audio=False, video=False, thinking=False),
            ),
        ),
        keys_at="https://console.mistral.ai/api-keys",
        prices="mistral",
    ),
    Vendor(
        name="cohere",
        dialect="cohere",
        base_url="https://api.cohere.com",
        # The first is what Cohere's own SDK reads.
        key_env="CO_API_KEY",
        key_aliases=("COHERE_API_KEY",),
        url_env="CO_API_URL",
        # A response format and tools exclude each other (Cohere's page "Structured Outputs").
        capabilities=Capabilities(schema_beside_tools=False, vision=None, audio=False, video=False, thinking=None),
        keys_at="https://dashboard.cohere.com/api-keys",
        listing="cohere",
        prices="cohere",
    ),
)
