"""The words of the Responses API that are no JSON keys: its name with us, why answers end, our marks in origins."""

from __future__ import annotations

import re

from ...data import Finish, ProviderErrorKind

NAME = "openai_responses"
"""The dialect's name: the tag of everything of ours that only this wire understands."""

ABSENT = "(absent)"
"""An origin has it where keys that we would write were not there: their names."""

FORM = "(form)"
"""A message's origin has it where its words did not stand where ours would: one of the three below."""

LISTED = "list"
"""The form of a message whose words stood in a list of blocks, though it was a single plain one."""

INSTRUCTIONS = "instructions"
"""The form of a message that stood in `instructions`."""

WHOLE_INPUT = "input"
"""The form of a message that was the whole `input`, as a string."""

CUTS = "(cuts)"
"""The origin of thinking has it where a summary came in several parts: the lengths of all but the last."""

MARKS = frozenset({ABSENT, FORM, CUTS})
"""Keys that we put beside those of the wire; from outside they are taken for nothing."""

ITEM = "item"
"""The origin of a model's text has it where an item of the output begins with it: how the item is spelled."""

BLOCK = "block"
"""The origin of a model's text has it where it is a block of an item: how the block is spelled."""

RAW = "_raw"
"""Tool arguments that are no JSON object travel as text under this key, because servers refuse all but objects."""

FILE_ID = "file-id:"
"""How a `url` of ours names a file that was uploaded to the provider."""

STATED = "status"
"""An answer's origin has it where its status is none that `finish` could say."""

REASON = "reason"
"""An answer's origin has it where its `incomplete_details.reason` is none that `finish` could say."""

EFFORT = "effort"
"""An answer's origin has it where the model thinks: how hard it did by the provider's own word."""

REASONS: dict[str, Finish] = {"max_output_tokens": "length", "content_filter": "content_filter"}
"""What `incomplete_details.reason` means; what is not here (`max_messages`, `steered`) is `other`."""

INCOMPLETE: dict[Finish | None, str] = {"length": "max_output_tokens", "content_filter": "content_filter"}
"""The `incomplete_details.reason` of an answer; other answers are complete."""

ERROR_KINDS: dict[str, ProviderErrorKind] = {
    "rate_limit_exceeded": "rate_limit",
    "insufficient_quota": "rate_limit",
    "server_error": "server",
    "server_is_overloaded": "overloaded",
    "slow_down": "overloaded",
    "vector_store_timeout": "timeout",
    "invalid_prompt": "invalid_request",
    "invalid_request_error": "invalid_request",
    "context_length_exceeded": "invalid_request",
    "invalid_api_key": "authentication",
    "authentication_error": "authentication",
    "permission_error": "permission",
    "model_not_found": "not_found",
    "not_found_error": "not_found",
}
"""What the `code` or `type` of an error inside an answer means; codes of pictures are `invalid_request`."""

ERROR_TYPES: dict[int, str] = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
    503: "overloaded_error",
    529: "overloaded_error",
}
"""The `error.type` of a status; other ones are `invalid_request_error` below 500 and `server_error` from there on."""

# The numbered families, on OpenAI and behind others' names for it (openai/gpt-5, openai.gpt-5); those for chatting answer
# without thinking.
_THINKING = re.compile(r"(?:^|[/.:])(?:o[1-9]|gpt-(?:[5-9]|[1-9][0-9])|codex-|computer-use-)(?!.*-chat)")


def thinks(model: str) -> bool:
    """Whether the name is one of OpenAI's models that think before they answer."""
    return _THINKING.search(model) is not None
