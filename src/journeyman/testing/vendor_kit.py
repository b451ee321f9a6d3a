"""What every vendor's row must be, as checks that any test framework can run.

With pytest: `@pytest.mark.parametrize("check", VENDOR_CHECKS)` over an async test that awaits `check(vendor)`; or
`await check_vendor(vendor)` anywhere. A check that fails raises `AssertionError` with what was expected. The vendor itself
is not asked: the provider twin answers in its place, on loopback (uvicorn has to be installed).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias
from urllib.parse import urlsplit

from ..compose import wired_model
from ..data import (
    CallerError,
    Delta,
    Message,
    ModelRequest,
    ProviderError,
    Text,
    TextDelta,
    ToolCall,
    ToolResult,
    ToolSpec,
)
from ..models import Model
from ..providers import Vendor, endpoint
from ..wire import DIALECTS
from .faults import Fault
from .log_probes import claim
from .twin import provider_twin

VendorCheck: TypeAlias = Callable[[Vendor], Awaitable[None]]

_KEY = "sk-of-the-vendor-kit-0123456789"
_ASK = ModelRequest("", (Message.user("How many?"),))
_ADD = ToolSpec("add", "Adds.", {"type": "object", "properties": {"a": {"type": "integer"}}})
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


async def check_vendor(vendor: Vendor) -> None:
    """Run all of `VENDOR_CHECKS`."""
    for check in VENDOR_CHECKS:
        await check(vendor)


async def a_row_is_sane(vendor: Vendor) -> None:
    """It has a name, wires that exist, and addresses over which a key may travel."""
    claim(bool(vendor.name) and not set(vendor.name) & set(":/"), f"the name {vendor.name!r} must hold neither : nor /")
    wires = [vendor.dialect, *(wire.dialect for wire in vendor.wires)]
    wires += [group.dialect for group in vendor.exceptions if group.dialect is not None]
    for dialect in wires:
        claim(dialect in DIALECTS, f"the wire {dialect!r} must be one of {', '.join(DIALECTS)}")
    for url in (vendor.base_url, vendor.models_at, vendor.keys_at, *(wire.base_url for wire in vendor.wires)):
        if url is not None:
            parts = urlsplit(url)
            safe = parts.scheme == "https" or (vendor.local and parts.hostname in _LOCAL)
            claim(safe, f"{url} must be https:, or a local vendor's on this machine")
    claim(not vendor.needs_key or bool(vendor.key_env), f"{vendor.name} needs a key, so key_env must name its variable")


async def what_is_missing_is_named(vendor: Vendor) -> None:
    """Without a key or an address the error names the variable that would bring it."""
    if vendor.needs_key:
        _refused(vendor, None, vendor.key_env or "")
    if vendor.base_url is None and vendor.address is None:
        _refused(vendor, _KEY, vendor.url_env or "base_url")


async def keys_are_not_shown(vendor: Vendor) -> None:
    """Neither an endpoint nor the preview of a request holds the key."""
    place = endpoint(vendor, {}, base_url="https://twin.invalid/v1", api_key=_KEY)
    claim(_KEY not in repr(place), "an endpoint must not show its key")
    shown = wired_model(vendor, "some-model", base_url="https://twin.invalid/v1", api_key=_KEY).preview(_ASK)
    claim(_KEY not in repr(shown), "a preview must not show the key")


async def it_answers(vendor: Vendor) -> None:
    """Words come back, whole and in pieces, and the model hears the question under its name."""
    async with provider_twin(["Three.", "Four, or five."]) as twin:
        model = _model(vendor, twin.url)
        whole = await model.respond(_ASK)
        claim(whole.message.text == "Three.", f"the answer must be 'Three.', not {whole.message.text!r}")
        heard: list[Delta] = []
        streamed = await model.respond(_ASK, heard.extend)
        claim(streamed.message.text == "Four, or five.", f"a streamed answer came as {streamed.message.text!r}")
        said = "".join(delta.text for delta in heard if isinstance(delta, TextDelta))
        claim(said == "Four, or five.", f"what was shown on the way must be the answer, not {said!r}")
        claim([asked.model for asked in twin.requests] == ["some-model"] * 2, "the model must be asked by its name")


async def it_calls_tools(vendor: Vendor) -> None:
    """A call comes back with its arguments, and its result is heard."""
    if not vendor.capabilities_of("some-model").tools:
        return
    async with provider_twin([[Text("Let me add."), ToolCall("call_1", "add", '{"a":1}')], "Two."]) as twin:
        model = _model(vendor, twin.url)
        first = await model.respond(ModelRequest("", _ASK.messages, (_ADD,)))
        calls = [(call.name, call.arguments) for call in first.message.tool_calls]
        claim(calls == [("add", '{"a":1}')], f"one call of add with its arguments must come back, not {calls}")
        result = ToolResult(first.message.tool_calls[0].id, "2", name="add")
        history = (*_ASK.messages, first.message, Message("tool", (result,)))
        second = await model.respond(ModelRequest("", history, (_ADD,)))
        claim(second.message.text == "Two.", f"the answer after the tool must be 'Two.', not {second.message.text!r}")
        results = [item.text for message in twin.requests[1].messages for item in message.tool_results]
        claim(results == ["2"], f"the tool's result must be heard, not {results}")


async def errors_are_told(vendor: Vendor) -> None:
    """A refusal has its status, its kind and its words, and not the key, even if the provider repeats it."""
    fault = Fault(status=429, message=f"too fast, {_KEY}", retry_after=3)
    async with provider_twin([], faults={0: fault}) as twin:
        try:
            await _model(vendor, twin.url).respond(_ASK)
        except ProviderError as error:
            claim((error.status, error.kind) == (429, "rate_limit"), f"a 429 came as {error.status}, {error.kind}")
            claim("too fast" in error.message, f"the provider's words must be in {error.message!r}")
            claim(_KEY not in f"{error!r} {error.body}", "an error must not show the key")
        else:
            raise AssertionError("a refusal must be a ProviderError")


VENDOR_CHECKS: tuple[VendorCheck, ...] = (
    a_row_is_sane,
    what_is_missing_is_named,
    keys_are_not_shown,
    it_answers,
    it_calls_tools,
    errors_are_told,
)
"""All of them."""


def _model(vendor: Vendor, url: str) -> Model:
    return wired_model(vendor, "some-model", base_url=url, api_key=_KEY)


def _refused(vendor: Vendor, key: str | None, variable: str) -> None:
    try:
        endpoint(vendor, {}, base_url=None, api_key=key)
    except CallerError as error:
        claim(variable in str(error), f"the error must name {variable}: {error}")
    else:
        raise AssertionError(f"an endpoint of {vendor.name} without {variable} must be refused")
