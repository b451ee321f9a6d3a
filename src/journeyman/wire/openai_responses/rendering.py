"""Our answers and errors as OpenAI's server would give them, whole."""

from __future__ import annotations

from msgspec.structs import replace

from ...data import (
    Audio,
    CallerError,
    Document,
    Image,
    JsonObject,
    Message,
    ModelResponse,
    Opaque,
    Part,
    Thinking,
    Usage,
    Video,
)
from ..dialect import Stamp
from ..http import HttpReply
from ..shapes import json_of, object_of, string_of
from .asking import body_of
from .names import EFFORT, ERROR_TYPES, INCOMPLETE, NAME, REASON, STATED
from .reading import is_made_up, made_up
from .spelling import blocks_of, own
from .writing import answer_items, text_block

DEFAULT_ID = "resp_0"
"""The id of an answer that nobody gave one: no clock and no chance are asked for a better one."""

_HEADERS = {"content-type": "application/json"}
_SERVER_ERROR = 500

_PREFIXES = {"message": "msg", "reasoning": "rs", "function_call": "fc"}

_ECHOED = (
    "max_output_tokens",
    "metadata",
    "parallel_tool_calls",
    "previous_response_id",
    "prompt_cache_key",
    "service_tier",
    "temperature",
    "tool_choice",
    "tools",
    "top_p",
    "truncation",
    "user",
)


def render_reply(response: ModelResponse, stamp: Stamp) -> HttpReply:
    """The reply with the whole answer; raises `CallerError` for media, which the wire cannot give."""
    raw_id = response.raw_id or id_of(stamp)
    head = head_of(raw_id, response.model or stamp.model, stamp)
    return HttpReply(200, _HEADERS, json_of(final(head, response, output_of(response.message, raw_id))))


def render_failure(status: int, message: str) -> HttpReply:
    """The reply that tells of an error."""
    return HttpReply(status, _HEADERS, json_of({"error": error_json(status, message)}))


def error_json(status: int, message: str) -> JsonObject:
    """The object that tells of an error."""
    known = "server_error" if status >= _SERVER_ERROR else "invalid_request_error"
    return {"message": message, "type": ERROR_TYPES.get(status, known), "param": None, "code": None}


def id_of(stamp: Stamp) -> str:
    """The id of an answer that brings none."""
    return f"resp_{stamp.id}" if stamp.id else DEFAULT_ID


def head_of(raw_id: str, model: str, stamp: Stamp) -> JsonObject:
    """An answer that has just begun; clients insist on what was asked of us being said again."""
    head: JsonObject = {
        "id": raw_id,
        "object": "response",
        "created_at": stamp.created,
        "status": "in_progress",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "max_output_tokens": None,
        "metadata": {},
        "model": model,
        "output": [],
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "store": False,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": None,
    }
    if stamp.request is not None:
        # Stop sequences came over another wire, if there are any; they must not hinder an answer.
        settings = replace(stamp.request.settings, stop=None)
        asked = body_of(replace(stamp.request, settings=settings))
        head |= {key: asked[key] for key in _ECHOED if asked.get(key) is not None}
        head["text"] |= object_of(asked.get("text"))
        head["reasoning"] |= object_of(asked.get("reasoning"))
    return head


def final(head: JsonObject, response: ModelResponse, output: list[JsonObject]) -> JsonObject:
    """The answer as it ended."""
    kept = own(response.message.origin)
    reason = INCOMPLETE.get(response.finish)
    status = "incomplete" if reason else "completed"
    if STATED in kept and response.finish in (None, "other"):
        status, reason = kept[STATED], kept.get(REASON)
    whole: JsonObject = {**head, "status": status, "output": output, "usage": _usage(response.usage, response.cost)}
    if reason is not None:
        whole["incomplete_details"] = {"reason": reason}
    if EFFORT in kept:
        whole["reasoning"] = {**head["reasoning"], "effort": kept[EFFORT]}
    # We keep nothing; but thoughts of which there is only a name are of use to those whose provider does.
    whole["store"] = any(_is_reference(item, head["id"]) for item in output)
    return whole


def output_of(message: Message, raw_id: str) -> list[JsonObject]:
    """The items of an answer, each with an id."""
    # Arguments stand as the model wrote them: to mend them is the client's business, as it is ours with others.
    shown = replace(message, parts=tuple(map(_shown, message.parts)))
    counts: dict[str, int] = {}
    return [_item(item, raw_id, counts) for item in answer_items(shown, written=str)]


def _shown(part: Part) -> Part:
    match part:
        case Thinking() if not own(part.origin):
            # Thoughts of other models, and those that nobody could send back; the wire shows them as a summary.
            return Thinking(part.text, Opaque(NAME, {"type": "reasoning"}))
        case Image() | Audio() | Video() | Document():
            raise CallerError(f"we give no answers with {type(part).__name__} in them over the Responses API")
        case _:
            return part


def _item(item: JsonObject, raw_id: str, counts: dict[str, int]) -> JsonObject:
    """The item with what a server adds to it."""
    kind = string_of(item.get("type", "message" if "role" in item else None))
    number = counts[kind] = counts.get(kind, -1) + 1
    prefix = _PREFIXES.get(kind)
    if prefix is None:
        return item
    whole: JsonObject = {"id": made_up(prefix, raw_id, number), "type": kind}
    if kind != "reasoning":
        whole["status"] = "completed"
    whole |= item
    if kind == "message":
        content = item.get("content")
        blocks = blocks_of(content)
        if blocks is None:
            blocks = [text_block(string_of(content), {})]
        whole["content"] = [
            {"logprobs": [], **block} if block.get("type") == "output_text" else block for block in blocks
        ]
    return whole


def _is_reference(item: JsonObject, raw_id: str) -> bool:
    if item.get("type") != "reasoning" or item.get("encrypted_content") or item.get("content"):
        return False
    return not is_made_up(string_of(item.get("id")), raw_id)


def _usage(usage: Usage, cost: int | None) -> JsonObject:
    counts: JsonObject = {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {"cached_tokens": usage.cache_read, "cache_write_tokens": usage.cache_write},
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.total_tokens,
    }
    if cost is not None:
        counts["cost"] = cost / 1e9
    return counts
