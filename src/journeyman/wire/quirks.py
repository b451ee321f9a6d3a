"""What a vendor behind the wire of OpenAI's Chat Completions does otherwise than OpenAI."""

from __future__ import annotations

from typing import Literal

import msgspec


class ChatQuirks(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The defaults suit OpenAI and most servers that call themselves compatible.

    `max_tokens` is the key for `Settings.max_tokens`, `system` the role of instructions. `reasoning` says under which
    key a model's reasoning goes back to it: the one under which it came, always the same one, or not at all;
    `empty_reasoning` sends that key, empty, in every assistant turn that calls tools (DeepSeek refuses a turn without).
    `reasoning_object` puts effort and budget into OpenRouter's `reasoning`. `stream_usage` asks for usage at the end of a stream.
    `call_ids` maps ids that would be refused: longer than OpenAI's 40 characters, or other than Mistral's nine letters
    and digits. `flat_text` joins text parts to one string, for servers that read no lists. `documents` says how a file
    travels: inline, inline or by address, or in Mistral's `document_url`. `video` and `top_k` are understood where set.
    """

    max_tokens: Literal["max_completion_tokens", "max_tokens"] = "max_completion_tokens"
    system: Literal["system", "developer"] = "system"
    reasoning: Literal["as_received", "reasoning", "reasoning_content", "drop"] = "as_received"
    empty_reasoning: bool = False
    reasoning_object: bool = False
    stream_usage: bool = True
    call_ids: Literal["any", "short", "nine"] = "any"
    flat_text: bool = False
    documents: Literal["file", "file_or_url", "document_url"] = "file"
    video: bool = False
    top_k: bool = False
