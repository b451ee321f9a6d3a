"""A request of ours to the bytes of one of the wire."""

from __future__ import annotations

from msgspec.structs import replace

from ...data import JsonObject, JsonOutput, Message, ModelRequest, Opaque, Settings, ToolSpec
from ..http import HttpRequest
from ..quirks import ChatQuirks
from ..shapes import json_of
from .names import own
from .tools import output_json, output_of, said_choice, shown_tools, tool_json
from .writing import message_fragment

PATH = "/chat/completions"

_HEADERS = {"content-type": "application/json"}
_STREAM_HEADERS = {**_HEADERS, "accept": "text/event-stream"}
_USAGE: JsonObject = {"include_usage": True}
_NOTHING = Settings()


class Writer:
    """Writes requests for a vendor; what it wrote of a message stays on the message, under this vendor's quirks."""

    def __init__(self, quirks: ChatQuirks) -> None:
        self._quirks = quirks
        # Not hash(): of two vendors that differ, neither may ever be sent what was written for the other.
        self._key = f"openai_chat {quirks}"

    def request(self, request: ModelRequest, *, stream: bool) -> HttpRequest:
        pieces = [
            b'{"model":',
            json_of(request.model),
            b',"messages":[',
            b",".join(self._messages(request.messages)),
            b"]",
        ]
        choice = request.settings.tool_choice
        shown = None if choice is None else shown_tools(choice, self._quirks)
        if tools := self._tools(request.tools, shown):
            pieces += (b',"tools":[', b",".join(tools), b"]")
        if options := self._options(request, stream=stream):
            pieces += (b",", json_of(options)[1:-1])
        pieces.append(b',"stream":true}' if stream else b',"stream":false}')
        return HttpRequest("POST", PATH, _STREAM_HEADERS if stream else _HEADERS, b"".join(pieces))

    def _messages(self, messages: tuple[Message, ...]) -> list[bytes]:
        key = self._key
        return [message.__dict__.get(key) or self._message(message) for message in messages]

    def _message(self, message: Message) -> bytes:
        fragment = vars(message)[self._key] = message_fragment(message, self._quirks)
        return fragment

    def _tools(self, tools: tuple[ToolSpec | Opaque, ...], shown: tuple[str, ...] | None) -> list[bytes]:
        key = self._key
        if shown is not None:
            tools = tuple(tool for tool in tools if isinstance(tool, ToolSpec) and tool.name in shown)
        fragments: list[bytes] = []
        for tool in tools:
            if isinstance(tool, ToolSpec):
                fragments.append(tool.__dict__.get(key) or self._tool(tool))
            elif data := own(tool):
                fragments.append(json_of(data))
        return fragments

    def _tool(self, tool: ToolSpec) -> bytes:
        fragment = vars(tool)[self._key] = json_of(
            tool_json(tool if self._quirks.strict_tools else replace(tool, strict=None))
        )
        return fragment

    def _options(self, request: ModelRequest, *, stream: bool) -> JsonObject:
        settings = request.settings
        options: JsonObject = {}
        extra = own(settings.extra)
        if settings != _NOTHING:
            self._settings(settings, extra, options)
            if not request.tools:
                # OpenAI refuses it where there is nothing to call.
                options.pop("parallel_tool_calls", None)
        if request.output is not None:
            options["response_format"] = _format(request.output, extra)
        if stream and self._quirks.stream_usage and "stream_options" not in extra:
            options["stream_options"] = _USAGE
        for key, value in extra.items():
            # None stands for a request that was parsed and asked for no usage.
            if key != "stream_options" or (stream and value is not None):
                options.setdefault(key, value)
        return options

    def _settings(self, settings: Settings, extra: JsonObject, options: JsonObject) -> None:
        for key in _PLAIN:
            if (value := getattr(settings, key)) is not None:
                options[key] = value
        if settings.max_tokens is not None:
            options[_limit_key(extra, self._quirks)] = settings.max_tokens
        if settings.top_k is not None and (self._quirks.top_k or "top_k" in extra):
            options["top_k"] = settings.top_k
        if settings.stop is not None:
            plain = len(settings.stop) == 1 and extra.get("stop") == settings.stop[0]
            options["stop"] = settings.stop[0] if plain else settings.stop
        if settings.tool_choice is not None:
            options["tool_choice"] = said_choice(settings.tool_choice, self._quirks)
        self._thinking(settings, extra, options)
        self._adapt(options)

    def _adapt(self, options: JsonObject) -> None:
        """Put what is said in OpenAI's words into the vendor's, and leave out what it refuses."""
        if "seed" in options and self._quirks.seed != "seed":
            options[self._quirks.seed] = options.pop("seed")
        if options.get("tool_choice", "") is None:
            del options["tool_choice"]
        for key in self._quirks.leaves_out:
            options.pop(key, None)

    def _thinking(self, settings: Settings, extra: JsonObject, options: JsonObject) -> None:
        effort, budget = settings.reasoning_effort, settings.thinking_tokens
        if self._quirks.thinking_switch and "thinking" not in extra:
            off = effort == "none" or budget == 0
            if off or effort is not None or budget is not None:
                options["thinking"] = {"type": "disabled" if off else "enabled"}
            if off:
                return
        if not self._quirks.reasoning_object or "reasoning_effort" in extra:
            if effort is not None:
                options["reasoning_effort"] = effort
            return
        reasoning: JsonObject = {} if effort is None else {"effort": effort}
        if budget is not None:
            reasoning |= {"max_tokens": budget} if budget else {"enabled": False}
        if reasoning:
            options["reasoning"] = reasoning


_PLAIN = ("temperature", "top_p", "seed", "presence_penalty", "frequency_penalty", "parallel_tool_calls")


def _limit_key(extra: JsonObject, quirks: ChatQuirks) -> str:
    """The key that a parsed request used, else the vendor's."""
    if quirks.max_tokens not in extra:
        for key in ("max_tokens", "max_completion_tokens"):
            if key in extra:
                return key
    return quirks.max_tokens


def _format(output: JsonOutput, extra: JsonObject) -> JsonObject:
    spelled = extra.get("response_format")
    return spelled if spelled is not None and output_of(spelled) == output else output_json(output)
