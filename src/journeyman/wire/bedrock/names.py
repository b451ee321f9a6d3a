"""The words of the Converse API that are no JSON keys: its name with us, why answers end, what errors are called."""

from __future__ import annotations

from typing import NamedTuple

from ...data import Finish, ProviderErrorKind

NAME = "bedrock"
"""The dialect's name: the tag of everything of ours that only this wire understands."""

APART = "apart"
"""A message's origin has it where its client sent it apart from the one before it, though both have one role."""

INLINE = "inline"
"""A system message's origin has it where it stood among the `messages` instead of in `system`."""

RAW = "_raw"
"""Tool arguments that are no JSON object travel as text under this key, because models refuse all but objects."""

EMPTY = "empty"
"""A message's origin has it where its client sent it with an empty list of blocks; others of that sort are left out."""

SCHEMA = "outputSchema"
"""`Settings.extra` has under it the words in which a client wrote the schema that `JsonOutput` holds as a value."""

REQUEST_ID = "x-amzn-requestid"
"""The header with the id of an answer; the body has none."""

ERROR_TYPE = "x-amzn-errortype"
"""The header with the name of an error."""

FINISHES: dict[str, Finish] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
}
"""What `stopReason` means; what is not here (`malformed_model_output`, `malformed_tool_use`) is `other`."""

STOP_REASONS: dict[Finish, str] = {
    "stop": "end_turn",
    "tool_calls": "tool_use",
    "length": "max_tokens",
    "content_filter": "content_filtered",
    "other": "end_turn",
}
"""The `stopReason` of an answer that came from elsewhere."""


class Fault(NamedTuple):
    """An exception of the service: the status that it has, and what that means to us."""

    status: int
    kind: ProviderErrorKind


FAULTS: dict[str, Fault] = {
    # What Converse itself declares ...
    "accessdeniedexception": Fault(403, "permission"),
    "internalserverexception": Fault(500, "server"),
    "modelerrorexception": Fault(424, "server"),
    # "The model specified is not ready to serve inference requests": it is being woken, and may be asked again.
    "modelnotreadyexception": Fault(429, "overloaded"),
    "modelstreamerrorexception": Fault(424, "server"),
    "modeltimeoutexception": Fault(408, "timeout"),
    "resourcenotfoundexception": Fault(404, "not_found"),
    "serviceunavailableexception": Fault(503, "overloaded"),
    "throttlingexception": Fault(429, "rate_limit"),
    "validationexception": Fault(400, "invalid_request"),
    # ... and what AWS answers before it (page "Common Errors").
    "expiredtokenexception": Fault(403, "authentication"),
    "incompletesignatureexception": Fault(403, "authentication"),
    "invalidsignatureexception": Fault(403, "authentication"),
    "missingauthenticationtokenexception": Fault(403, "authentication"),
    "unrecognizedclientexception": Fault(403, "authentication"),
    "servicequotaexceededexception": Fault(400, "rate_limit"),
}
"""What the name of an error means; names are written with a capital in headers and without one in streams."""

ERROR_NAMES: dict[int, str] = {
    400: "ValidationException",
    401: "UnrecognizedClientException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    424: "ModelErrorException",
    429: "ThrottlingException",
    503: "ServiceUnavailableException",
    529: "ServiceUnavailableException",
}
"""The name of the error of a status; others are `ValidationException` below 500, `InternalServerException` from there."""

STREAM_ERROR_NAMES: dict[int, str] = {
    424: "modelStreamErrorException",
    429: "throttlingException",
    503: "serviceUnavailableException",
    529: "serviceUnavailableException",
}
"""The same within a stream, which knows fewer."""
