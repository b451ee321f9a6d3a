"""What a vendor behind the wire of OpenAI's Chat Completions does otherwise than OpenAI."""

from __future__ import annotations

from typing import Literal

import msgspec


class ChatQuirks(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The defaults suit OpenAI and most servers that call themselves compatible.

    `max_tokens` is the key for `Settings.max_tokens`, `system` the role of instructions. `reasoning` says under which
    key a model's reasoning goes back to it: the one under which it came, always the same one, or not at all;
    `empty_reasoning` sends that key, empty, in every assistant turn that calls tools (DeepSeek refuses a turn without).
    `reasoning_object` puts effort and budget into OpenRouter's `reasoning`. `stream_usage` asks for usage at the end
    of a stream. `no_content` is the content of a turn that does nothing but call tools: null, or an empty string
    (llama-cpp-python refuses null, and many a chat template stumbles over it). `call_ids` maps ids that would be
    refused: longer than OpenAI's 40 characters, or other than Mistral's nine letters and digits. `flat_text` joins
    text parts to one string, for servers that read no lists. `documents` says how a file travels: inline, inline or
    by address, or in Mistral's `document_url`. `video` and `top_k` are understood where set.

    `reasoning="blocks"` sends back thoughts that came as blocks of the content, and no others: Mistral refuses the keys of
    other vendors. OpenAI itself refuses all of them and needs `"drop"`, once a history may come from elsewhere.
    `extra_content=False` is for who refuses Google's signatures (the strict ones: OpenAI, Groq, Mistral, Cerebras).
    `annotations` sends those of an answer back (OpenRouter spares itself the reading of a file with them). `seed` is
    Mistral's `random_seed`. `leaves_out` are settings that are errors here: Cerebras and Z.ai know no penalties.
    `thinking_switch` turns effort `none` and a budget of 0 into `"thinking": {"type": "disabled"}`, any other into
    `enabled` (DeepSeek, Z.ai, Moonshot). `strict_tools=False` leaves out `strict` (Z.ai, Moonshot). `audio="plain"` is
    Mistral's form.

    `tool_choice` is what of it is understood: OpenAI's all, with several names to choose from; one `named` function besides
    the modes (most others: of several names, only those tools are shown); the `modes` auto, required and none alone (a
    name is then the only tool that is shown); or `auto` alone (Z.ai, and Moonshot while it thinks), where a model cannot
    be forced and `none` shows no tools.
    """

    max_tokens: Literal["max_completion_tokens", "max_tokens"] = "max_completion_tokens"
    system: Literal["system", "developer"] = "system"
    reasoning: Literal["as_received", "reasoning", "reasoning_content", "blocks", "drop"] = "as_received"
    no_content: Literal["null", "empty"] = "null"
    empty_reasoning: bool = False
    reasoning_object: bool = False
    stream_usage: bool = True
    call_ids: Literal["any", "short", "nine"] = "any"
    flat_text: bool = False
    documents: Literal["file", "file_or_url", "document_url"] = "file"
    video: bool = False
    top_k: bool = False
    extra_content: bool = True
    annotations: bool = False
    seed: Literal["seed", "random_seed"] = "seed"
    leaves_out: tuple[str, ...] = ()
    thinking_switch: bool = False
    strict_tools: bool = True
    audio: Literal["formatted", "plain"] = "formatted"
    tool_choice: Literal["full", "named", "modes", "auto"] = "full"
