"""Where we and the recorded exchanges differ, each with its reason; and what says the same on a wire in other words."""

from __future__ import annotations

import json
from typing import Any

_RUN_BY_THE_PROVIDER = (
    "the expectation counts a call of nova_code_interpreter, which the provider has run itself (its type is "
    "server_tool_use, and its result stands in the same answer); an agent must not run it, so it is opaque"
)

ANSWERS = {
    "test_bedrock/test_bedrock_model_code_execution_tool_stream#0": _RUN_BY_THE_PROVIDER,
    "test_bedrock/test_bedrock_model_with_code_execution_tool#0": _RUN_BY_THE_PROVIDER,
    "test_bedrock/test_bedrock_model_with_code_execution_tool#1": _RUN_BY_THE_PROVIDER,
}
"""Answers that we read otherwise than the expectation says."""

REQUESTS: dict[str, str] = {}
"""Requests that come out otherwise than they went in."""

_SEARCHED = (
    "the recording client rewrote the provider's own tool search (`paths` became `queries`, nulls and the output went); "
    "we send back what came"
)
_NAMED = "the recording client added the namespace under which it had offered the tool; the answer had none"
_EMPTIED = "the recording client put an empty message before the call, which the answer had not"
_FILLED_IN = (
    "the recording client sent back what it took from the grounding metadata as the result of the provider's own search, "
    "and empty arguments for it; we send these blocks as they came"
)
_THOUGHTS_AS_TEXT = (
    "the answer has its thoughts in a place of their own; the client that was recorded sent them back as <think> in the "
    "text, we send them back where they were"
)
_PLAN_DROPPED = (
    'the recording client left out the tool_plan, with which Cohere\'s own examples go on ("Tool use", step 3)'
)

TURNS = {
    "test_anthropic/test_anthropic_web_search_tool#0": (
        "the recording client did not send the citations of the answer back; we do, since they hold encrypted_index, "
        "which the provider asks for in later turns"
    ),
    "test_groq/test_groq_model_thinking_part#0": (
        "the answer has its thoughts as <think> in the text; the client that was recorded took them out before it went "
        "on, and we never change a model's words"
    ),
    "test_groq/test_tool_use_failed_error#1": _THOUGHTS_AS_TEXT,
    "test_openai/test_compatible_api_with_tool_calls_without_id#0": (
        "the answer's call has an empty id, for which each client makes up its own; and it has a signature in "
        "`extra_content`, which Google wants back and the client that was recorded dropped"
    ),
    "test_tool_search/test_openai_hosted_tool_search_stateless_continuation#0": _SEARCHED,
    "test_tool_search/test_openai_native_tool_search_streaming#0": _SEARCHED,
    "test_tool_search/test_openai_native_tool_search_with_deferred_capability#0": _SEARCHED,
    "test_tool_search/test_openai_native_tool_search_with_deferred_capability_gpt_5_6_sol#0": _SEARCHED,
    "test_tool_search/test_openai_native_tool_search_with_deferred_capability#2": _NAMED,
    "test_tool_search/test_openai_native_tool_search_with_deferred_capability_gpt_5_6_sol#2": _NAMED,
    "test_openai_responses/test_native_output#0": _EMPTIED,
    "test_openai_responses/test_native_output_multiple#0": _EMPTIED,
    "test_openai_responses/test_text_output_function#0": _EMPTIED,
    "test_openai_responses/test_openai_responses_model_file_search_tool#3": (
        "the recording client dropped the provider's own file search; we send it back"
    ),
    "test_openai_responses/test_openai_responses_model_web_search_tool_stream#0": (
        "the recording client dropped the sources of a web search; we send them back"
    ),
    "test_openai_responses/test_openai_responses_stream#0": (
        "an early recording: the client sent the item's id as that of the call"
    ),
    "test_openai_responses/test_openai_responses_thinking_with_modified_history#0": (
        "the history was edited on purpose between the two requests"
    ),
    "test_google/test_google_model_file_search_grounding_gemini_3[False]#3": _FILLED_IN,
    "test_google/test_google_model_file_search_grounding_gemini_3[True]#3": _FILLED_IN,
    "test_google/test_google_model_structured_output#0": (
        "the call had no signature, and goes back without one; the recording client added the one that says that there is "
        "none, which it did not do in the other cases of this kind"
    ),
    "test_bedrock/test_bedrock_moonshotai_tool_call#0": _THOUGHTS_AS_TEXT,
    "test_bedrock/test_bedrock_thinking_high_qwen_variant#0": _THOUGHTS_AS_TEXT,
    "test_tool_choice_matrix/test_tool_choice_matrix[auto-cohere]#0": _PLAN_DROPPED,
    "test_tool_choice_matrix/test_tool_choice_matrix[tools_plus_output-cohere]#0": _PLAN_DROPPED,
}
"""Answers that we send back otherwise than the client that was recorded; all of it is that client's own doing."""


def without_nulls(value: Any) -> Any:
    """Null and absent are one, but not within the input of a tool, which is the model's."""
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {key: item for key, item in value.items() if item is not None}
    return {key: item if key == "input" else without_nulls(item) for key, item in kept.items()}


def chat_turn(turn: dict[str, Any]) -> dict[str, Any]:
    """A key that is null or absent, no content in any form, plain texts as a list or joined, and marks without meaning."""
    turn = {key: value for key, value in turn.items() if value not in (None, "", [])}
    if turn.get("prefix") is False:
        del turn["prefix"]
    content = turn.get("content")
    if isinstance(content, list) and all(block.keys() == {"type", "text"} for block in content):
        turn["content"] = "".join(block["text"] for block in content)
    if "tool_calls" in turn:
        turn["tool_calls"] = [
            {"type": "function", **{key: value for key, value in call.items() if key != "index"}}
            for call in turn["tool_calls"]
        ]
    return turn


_CAMEL = {
    "function_call": "functionCall",
    "function_response": "functionResponse",
    "thought_signature": "thoughtSignature",
    "inline_data": "inlineData",
    "file_data": "fileData",
    "mime_type": "mimeType",
    "file_uri": "fileUri",
    "tool_type": "toolType",
}


def gemini_turn(value: Any) -> Any:
    """Both spellings of keys, both alphabets of base64, and the ids that the recording client made up (`pyd_ai_…`)."""
    if isinstance(value, list):
        return [gemini_turn(item) for item in value]
    if not isinstance(value, dict):
        return value
    out = {_CAMEL.get(key, key): gemini_turn(item) for key, item in value.items()}
    if "thoughtSignature" in out:
        out["thoughtSignature"] = out["thoughtSignature"].replace("-", "+").replace("_", "/")
    if str(out.get("id", "")).startswith("pyd_ai_"):
        del out["id"]
    return out


def bedrock_turn(turn: Any) -> Any:
    """The recorder wrote two hyphens for a dash in answers, but not in requests."""
    return json.loads(json.dumps(turn, ensure_ascii=False).replace("\N{EM DASH}", "--"))


def _as_it_is(turn: Any) -> Any:
    return turn


ALIKE = {
    "anthropic": without_nulls,
    "openai_chat": chat_turn,
    "openai_responses": without_nulls,
    "gemini": gemini_turn,
    "bedrock": bedrock_turn,
    "cohere": _as_it_is,
}
"""What a turn says, by wire."""
