"""How many tokens something will be, guessed without a network and without a tokenizer, and how many at most."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal

import msgspec

from ..data import (
    Audio,
    Document,
    Image,
    Media,
    Message,
    Opaque,
    Part,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    ToolSpec,
    Video,
)

METHOD = "characters by script; at most a token a byte"
"""What the numbers rest on: see `Count`."""

_LATIN = 3.8
"""Characters a token. English prose has 4 to 4.5 with the tokenizers of 2023 and later, code and JSON about 3.3."""
_OTHER = 2.2
"""Cyrillic, Greek, Arabic, Devanagari and the like."""
_IDEOGRAPHS = 1.0
"""Chinese, Japanese and Korean; the newest tokenizers do better."""

_IS_IDEOGRAPH = re.compile("[\u1100-\u11ff\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef\U0001f000-\U0003ffff]")

_TURN, _TURN_AT_MOST = 4, 20
"""Around each message: its role and the marks that part it from the others (3 in OpenAI's cookbook, with a name 4)."""
_TOOLS, _TOOLS_AT_MOST = 100, 1000
"""Once, for what a provider itself says about tools: Anthropic's page "Tool use" lists 290 to 804, others say nothing."""
_TOOL, _TOOL_AT_MOST = 10, 100
"""Around each tool: what of OpenAI's or Anthropic's JSON is not in ours."""
_MEDIUM = 1200
"""An image of a million pixels at Anthropic (its page "Vision"), a page of a PDF, half a minute of sound at Google."""


class Count(msgspec.Struct, frozen=True):
    """Tokens as a guess, and a bound that no tokenizer in use goes beyond: it makes no token of less than a byte.

    `at_most` is None where something has no bound that can be known here: media, whose tokens are a matter of the model.
    `media` counts them; each stands in `guess` with one flat number.
    """

    guess: int
    at_most: int | None
    media: int = 0


class Estimate(msgspec.Struct, frozen=True):
    """What a request will come to, before it is made: guesses and bounds, in tokens and dollars.

    `input_tokens` and `input_cost` are guesses, right to about a quarter for prose and a half for the rest.
    `input_at_most` is a bound, None where there are media. `output_at_most` is the `max_tokens` that was given.
    `cost_at_most` is what bound and limit cost together, None where one of them or the price is not known.
    """

    model: str
    input_tokens: int
    input_at_most: int | None
    output_at_most: int | None
    input_cost: Decimal | None
    cost_at_most: Decimal | None
    media: int = 0
    method: str = METHOD


def count_tokens(messages: Iterable[Message], tools: Iterable[ToolSpec] = ()) -> Count:
    """The tokens of a request's messages and tools."""
    texts: list[str] = []
    turns = media = 0
    for message in messages:
        turns += 1
        media += _gather(message.parts, texts)
    specs = [msgspec.json.encode((tool.name, tool.description, tool.parameters)).decode() for tool in tools]
    guess = sum(map(text_tokens, (*texts, *specs))) + turns * _TURN + media * _MEDIUM
    size = sum(len(text.encode("utf-8", "surrogatepass")) + 1 for text in (*texts, *specs))
    bound = size + turns * _TURN_AT_MOST
    if specs:
        guess += _TOOLS + len(specs) * _TOOL
        bound += _TOOLS_AT_MOST + len(specs) * _TOOL_AT_MOST
    return Count(guess, None if media else max(guess, bound), media)


def text_tokens(text: str) -> int:
    """The tokens of a text, as a guess."""
    if text.isascii():
        return -int(-len(text) // _LATIN)
    ideographs = len(_IS_IDEOGRAPH.findall(text))
    latin = sum(character < "\u0250" for character in text)
    others = len(text) - ideographs - latin
    return -int(-(latin / _LATIN + others / _OTHER + ideographs / _IDEOGRAPHS) // 1)


def _gather(parts: Iterable[Part], texts: list[str]) -> int:
    """Put the words of parts into a list, and give the number of media among them."""
    media = 0
    for part in parts:
        match part:
            case Text(text) | Thinking(text):
                texts.append(text)
            case ToolCall():
                texts += (part.name, part.arguments)
            case ToolResult():
                if isinstance(part.content, str):
                    texts.append(part.content)
                else:
                    media += _gather(part.content, texts)
            case Image() | Audio() | Video() | Document():
                media += _words_of(part, texts)
            case Opaque():
                texts.append(_json(part.data))
    return media


def _words_of(part: Media, texts: list[str]) -> int:
    if part.data is None or not part.media_type.startswith("text/"):
        return 1
    texts.append(part.data.decode("utf-8", "replace"))
    return 0


def _json(data: object) -> str:
    try:
        return msgspec.json.encode(data, enc_hook=repr).decode()
    except (TypeError, ValueError, RecursionError):
        return repr(data)
