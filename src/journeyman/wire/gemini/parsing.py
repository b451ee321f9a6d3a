"""What a client of the Gemini API sent, as a request of ours."""

from __future__ import annotations

from typing import Literal
from urllib.parse import unquote

import msgspec
from msgspec.structs import replace

from ...data import (
    CallerError,
    JsonObject,
    JsonOutput,
    Message,
    ModelRequest,
    Opaque,
    Part,
    Settings,
    ToolChoice,
    ToolResult,
    ToolSpec,
)
from ..http import HttpRequest
from ..shapes import UNREADABLE
from .config import config_of
from .ids import CallIds
from .names import FORM, JOINED, NAME
from .reading import part_of
from .shapes import SNAKE, Block, begins, block_of, decoded, listed, origin_of, take
from .tools import taken_choice, tools_of

_METHODS = {"generateContent": False, "streamGenerateContent": True}
_OWNERS = ("/models/", "/tunedModels/", "/endpoints/")
_string = msgspec.json.Decoder(str).decode

_Run = tuple[Literal["assistant", "tool", "user"], list[Part]]


def parse_request(request: HttpRequest) -> ModelRequest:
    """The request that a client sent; raises `CallerError` where it is none."""
    path, _, query = request.path.partition("?")
    where, _, method = path.rpartition(":")
    begin = max(f"/{where}".rfind(owner) for owner in _OWNERS)
    if method not in _METHODS or begin < 0:
        # The query may hold a key, so that it is not told.
        raise CallerError(
            f"{path[:200]!r} is no address of the Gemini API; it ends with models/…:generateContent or"
            " models/…:streamGenerateContent"
        )
    model = unquote(where[begin:].removeprefix("/").removeprefix("models/"))
    stream = _METHODS[method]
    # Without it the stream is one JSON list, and is answered as one.
    form: JsonObject = {"alt": "json"} if stream and "alt=sse" not in query.split("&") else {}
    try:
        return _request(block_of(request.body), model, form, stream=stream)
    except UNREADABLE as error:
        raise CallerError(f"this is no request of the Gemini API: {error}") from error


def _request(body: Block, model: str, form: JsonObject, *, stream: bool) -> ModelRequest:
    spelled: list[str] = []
    # What is taken here is no longer in the body; what is left is extra.
    extra: JsonObject = {}
    system = _system(body, spelled, extra)
    messages = _contents(body, form)
    tools = _tools(body, form)
    settings, output = _config(body, spelled, extra)
    choice = _choice(body, spelled, extra) if any(isinstance(tool, ToolSpec) for tool in tools) else None
    if spelled:
        form["spelled"] = spelled
    settings = replace(settings, tool_choice=choice, extra=origin_of({**decoded(body), **extra}, form))
    return ModelRequest(model, (*system, *messages), tools, output, settings, stream)


def _taken(body: Block, key: str, spelled: list[str]) -> Block | None:
    """An object, taken out under either spelling; anything else stays where it is."""
    present = key if key in body else SNAKE[key]
    return block_of(raw) if begins(body.get(present), b"{") and (raw := take(body, key, spelled)) else None


def _system(body: Block, spelled: list[str], extra: JsonObject) -> list[Message]:
    content = _taken(body, "systemInstruction", spelled)
    if content is None:
        return []
    messages: list[Message] = []
    form: JsonObject = {}
    if (raw := content.get("parts")) is not None and bytes(raw) != b"null":
        blocks, lone = listed(raw)
        ids = CallIds()
        # One message for each part, as the framework itself has one for each instruction.
        messages = [Message("system", (part_of(block, ids.call, ids.result),)) for block in blocks]
        form = {"lone": True} if lone else {}
    if messages:
        del content["parts"]
    else:
        form = {"bare": True}
    if content or form:
        rest = decoded(content)
        extra["systemInstruction"] = {**rest, FORM: form} if form else rest
    return messages


def _contents(body: Block, form: JsonObject) -> list[Message]:
    raw = take(body, "contents", [])
    if raw is None:
        raise msgspec.ValidationError("it has no `contents`")
    blocks, lone = listed(raw)
    if lone:
        form["contents"] = "lone"
    ids = CallIds()
    messages: list[Message] = []
    for block in blocks:
        messages += _content(block, ids, after_tool=bool(messages) and messages[-1].role == "tool")
    return messages


def _content(block: Block, ids: CallIds, *, after_tool: bool) -> list[Message]:
    form: JsonObject = {}
    role = _role(block, form)
    parts: list[Part] = []
    if (raw := take(block, "parts", [])) is None:
        form["bare"] = True
    else:
        blocks, lone = listed(raw)
        parts = [part_of(item, ids.call, ids.result) for item in blocks]
        if lone:
            form["lone"] = True
    runs: list[_Run] = [("assistant", parts)] if role == "model" else _runs(parts)
    (first, run), *others = runs
    rest = decoded(block)
    if form or rest or not parts or (after_tool and first == "tool"):
        form["asked"] = True
    later = Opaque(NAME, {FORM: {"asked": True, JOINED: True}})
    return [
        Message(first, tuple(run), origin_of(rest, form)),
        *(Message(name, tuple(run), later) for name, run in others),
    ]


def _role(block: Block, form: JsonObject) -> str:
    raw = take(block, "role", [])
    if raw is None:
        form["no_role"] = True
        return "user"
    role = _string(raw)
    if role not in ("user", "model"):
        # `function`, say, which is what the first version of the wire called results.
        form["role"] = role
    return role


def _runs(parts: list[Part]) -> list[_Run]:
    runs: list[_Run] = []
    for part in parts:
        role: Literal["tool", "user"] = "tool" if isinstance(part, ToolResult) else "user"
        if not runs or runs[-1][0] != role:
            runs.append((role, []))
        runs[-1][1].append(part)
    return runs or [("user", [])]


def _tools(body: Block, form: JsonObject) -> tuple[ToolSpec | Opaque, ...]:
    raw = body.get("tools")
    if raw is None or not (begins(raw, b"[") or begins(raw, b"{")):
        return ()
    elements, lone = listed(raw)
    if not elements:
        return ()
    del body["tools"]
    if lone:
        form["tools"] = "lone"
    return tools_of(elements)


def _choice(body: Block, spelled: list[str], extra: JsonObject) -> ToolChoice | None:
    config = _taken(body, "toolConfig", spelled)
    if config is None:
        return None
    choice = taken_choice(config, spelled)
    if config or choice is None:
        extra["toolConfig"] = decoded(config)
    return choice


def _config(body: Block, spelled: list[str], extra: JsonObject) -> tuple[Settings, JsonOutput | None]:
    block = _taken(body, "generationConfig", spelled)
    if block is None:
        return Settings(), None
    config = decoded(block)
    settings, output = config_of(config, spelled)
    if config or (settings == Settings() and output is None):
        extra["generationConfig"] = config
    return settings, output
