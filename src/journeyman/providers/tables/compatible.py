"""Vendors who speak OpenAI's Chat Completions, and what they do otherwise."""

from __future__ import annotations

from ...wire import ChatQuirks
from ..capabilities import Capabilities
from ..vendor import Models, Vendor, Wire

_OPEN = Capabilities(json_schema=None, vision=None, audio=None, video=None, documents=None, thinking=None)
"""For vendors who serve many makers' models: what one of them can do, its server says."""
_PLAIN = ChatQuirks(max_tokens="max_tokens", tool_choice="named")
_NO_PENALTIES = ("presence_penalty", "frequency_penalty")

ROWS = (
    Vendor(
        name="groq",
        dialect="openai_chat",
        base_url="https://api.groq.com/openai/v1",
        key_env="GROQ_API_KEY",
        quirks=ChatQuirks(extra_content=False, tool_choice="named"),
        capabilities=Capabilities(
            json_schema=False, vision=None, audio=False, video=False, documents=None, thinking=None
        ),
        # Groq's page "Structured Outputs" lists these, and refuses the mode together with tools and elsewhere.
        exceptions=(
            Models(
                names=("openai/gpt-oss", "moonshotai/kimi-k2", "meta-llama/llama-4"),
                capabilities=Capabilities(
                    schema_beside_tools=False, vision=None, audio=False, video=False, documents=None, thinking=None
                ),
            ),
        ),
        wires=(Wire(suffix="responses", dialect="openai_responses"),),
        keys_at="https://console.groq.com/keys",
        prices="groq",
    ),
    Vendor(
        name="xai",
        dialect="openai_chat",
        base_url="https://api.x.ai/v1",
        key_env="XAI_API_KEY",
        quirks=ChatQuirks(tool_choice="named"),
        # Of its models some refuse an effort, and the older ones have no eyes.
        capabilities=Capabilities(
            vision=None, audio=False, video=False, documents=None, thinking=None, embeddings=False
        ),
        wires=(Wire(suffix="responses", dialect="openai_responses"),),
        keys_at="https://console.x.ai",
        prices="x-ai",
    ),
    Vendor(
        name="deepseek",
        dialect="openai_chat",
        base_url="https://api.deepseek.com",
        key_env="DEEPSEEK_API_KEY",
        # DeepSeek's pages "JSON Output" (objects, no schema) and "Thinking Mode" (reasoning goes back with tool calls, and a
        # model that thinks, as they do unless told not to, cannot be forced to call one).
        quirks=ChatQuirks(
            max_tokens="max_tokens",
            reasoning="reasoning_content",
            empty_reasoning=True,
            flat_text=True,
            thinking_switch=True,
            tool_choice="auto",
        ),
        capabilities=Capabilities(
            json_schema=False, vision=False, audio=False, video=False, documents=False, thinking=None, embeddings=False
        ),
        wires=(
            Wire(suffix="responses", dialect="openai_responses"),
            Wire(
                suffix="anthropic",
                dialect="anthropic",
                base_url="https://api.deepseek.com/anthropic",
                auth="x-api-key",
            ),
        ),
        keys_at="https://platform.deepseek.com/api_keys",
        prices="deepseek",
    ),
    Vendor(
        name="openrouter",
        dialect="openai_chat",
        base_url="https://openrouter.ai/api/v1",
        key_env="OPENROUTER_API_KEY",
        # It passes the schema mode on to whoever serves the model, and not all of them have it.
        capabilities=Capabilities(
            json_schema=None, vision=None, audio=None, video=None, thinking=None, states_cost=True
        ),
        quirks=ChatQuirks(
            reasoning_object=True,
            documents="file_or_url",
            video=True,
            top_k=True,
            annotations=True,
            tool_choice="named",
        ),
        wires=(
            Wire(suffix="responses", dialect="openai_responses"),
            Wire(suffix="anthropic", dialect="anthropic", base_url="https://openrouter.ai/api"),
        ),
        keys_at="https://openrouter.ai/settings/keys",
        prices="openrouter",
    ),
    Vendor(
        name="together",
        dialect="openai_chat",
        base_url="https://api.together.xyz/v1",
        key_env="TOGETHER_API_KEY",
        quirks=ChatQuirks(max_tokens="max_tokens", top_k=True, tool_choice="named"),
        capabilities=_OPEN,
        keys_at="https://api.together.ai/settings/api-keys",
        prices="together",
    ),
    Vendor(
        name="fireworks",
        dialect="openai_chat",
        base_url="https://api.fireworks.ai/inference/v1",
        key_env="FIREWORKS_API_KEY",
        quirks=ChatQuirks(max_tokens="max_tokens", top_k=True, tool_choice="named"),
        capabilities=_OPEN,
        wires=(Wire(suffix="responses", dialect="openai_responses"),),
        keys_at="https://app.fireworks.ai/settings/users/api-keys",
        prices="fireworks",
    ),
    Vendor(
        name="cerebras",
        dialect="openai_chat",
        base_url="https://api.cerebras.ai/v1",
        key_env="CEREBRAS_API_KEY",
        # Its page "OpenAI Compatibility" lists what it refuses.
        quirks=ChatQuirks(extra_content=False, leaves_out=_NO_PENALTIES, tool_choice="named"),
        capabilities=Capabilities(
            vision=None, audio=False, video=False, documents=False, thinking=None, embeddings=False
        ),
        keys_at="https://cloud.cerebras.ai",
        prices="cerebras",
    ),
    Vendor(
        name="huggingface",
        dialect="openai_chat",
        # The router; a name may end in :provider, as in meta-llama/Llama-3.3-70B-Instruct:together.
        base_url="https://router.huggingface.co/v1",
        key_env="HF_TOKEN",
        quirks=_PLAIN,
        capabilities=_OPEN,
        wires=(Wire(suffix="responses", dialect="openai_responses"),),
        keys_at="https://huggingface.co/settings/tokens",
        prices="huggingface",
    ),
    Vendor(
        name="perplexity",
        dialect="openai_chat",
        base_url="https://api.perplexity.ai",
        key_env="PERPLEXITY_API_KEY",
        key_aliases=("PPLX_API_KEY",),
        quirks=_PLAIN,
        # Its Sonar models search by themselves and call no functions.
        capabilities=Capabilities(tools=False, audio=False, video=None, documents=None, thinking=None),
        keys_at="https://www.perplexity.ai/account/api/keys",
        listing=None,
        prices="perplexity",
    ),
    Vendor(
        name="moonshot",
        dialect="openai_chat",
        base_url="https://api.moonshot.ai/v1",
        key_env="MOONSHOT_API_KEY",
        key_aliases=("MOONSHOTAI_API_KEY",),
        url_env="MOONSHOT_BASE_URL",
        # Kimi's page "Migrating from OpenAI": no `required`.
        quirks=ChatQuirks(
            max_tokens="max_tokens",
            reasoning="reasoning_content",
            video=True,
            thinking_switch=True,
            strict_tools=False,
            tool_choice="auto",
        ),
        capabilities=Capabilities(
            json_schema=None, vision=None, audio=False, video=None, documents=False, thinking=None
        ),
        wires=(
            Wire(
                suffix="anthropic", dialect="anthropic", base_url="https://api.moonshot.ai/anthropic", auth="x-api-key"
            ),
        ),
        keys_at="https://platform.moonshot.ai/console/api-keys",
        prices="moonshotai",
    ),
    Vendor(
        name="zai",
        dialect="openai_chat",
        base_url="https://api.z.ai/api/paas/v4",
        key_env="ZAI_API_KEY",
        key_aliases=("Z_AI_API_KEY",),
        url_env="ZAI_BASE_URL",
        # Z.ai's page "Structured Output": JSON objects, without a schema.
        quirks=ChatQuirks(
            max_tokens="max_tokens",
            reasoning="reasoning_content",
            video=True,
            leaves_out=_NO_PENALTIES,
            thinking_switch=True,
            strict_tools=False,
            tool_choice="auto",
        ),
        capabilities=Capabilities(
            json_schema=False, vision=None, audio=False, video=None, documents=None, thinking=None
        ),
        wires=(
            Wire(suffix="anthropic", dialect="anthropic", base_url="https://api.z.ai/api/anthropic", auth="x-api-key"),
        ),
        keys_at="https://z.ai/manage-apikey/apikey-list",
        prices="zai",
    ),
    Vendor(
        name="nvidia",
        dialect="openai_chat",
        base_url="https://integrate.api.nvidia.com/v1",
        key_env="NVIDIA_API_KEY",
        url_env="NVIDIA_BASE_URL",
        quirks=_PLAIN,
        capabilities=_OPEN,
        keys_at="https://build.nvidia.com/settings/api-keys",
    ),
    Vendor(
        name="github",
        dialect="openai_chat",
        base_url="https://models.github.ai/inference",
        # A token with the permission `models: read`.
        key_env="GITHUB_TOKEN",
        key_aliases=("GITHUB_API_KEY",),
        quirks=ChatQuirks(tool_choice="named"),
        capabilities=_OPEN,
        keys_at="https://github.com/settings/tokens",
        models_at="https://models.github.ai/catalog/models",
    ),
    Vendor(
        name="sambanova",
        dialect="openai_chat",
        base_url="https://api.sambanova.ai/v1",
        key_env="SAMBANOVA_API_KEY",
        url_env="SAMBANOVA_BASE_URL",
        quirks=_PLAIN,
        capabilities=_OPEN,
        keys_at="https://cloud.sambanova.ai/apis",
    ),
)
