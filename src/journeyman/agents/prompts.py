"""What a run is asked, and the words before it: each with a label that says where they come from."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from ..data import Message, Part
from ..journal import Instruction
from ..tools import RunContext

Prompt = str | Sequence[str | Part | Message] | None
"""What a run is asked: words, words and media, whole messages, or nothing."""

PromptFunction = Callable[..., str | Awaitable[str]]
SystemPrompt = str | PromptFunction | Sequence[str | PromptFunction]
"""Words, a function that gives them (with the `RunContext` as its argument, if it takes one), or several of these."""


class Instructions:
    """An agent's system prompt; asked once at the start of each run, so that the prefix of its requests is stable."""

    def __init__(self, prompt: SystemPrompt, framework: Sequence[Instruction] = ()) -> None:
        self._prompts = (prompt,) if isinstance(prompt, str) or callable(prompt) else tuple(prompt)
        self._framework = tuple(framework)
        self.is_fixed = all(isinstance(item, str) for item in self._prompts)
        self._fixed = self._labelled([str(item) for item in self._prompts]) if self.is_fixed else ()

    def with_guide(self, guide: Callable[[], Instruction]) -> Instructions:
        """The same and what the framework tells of programs, which is asked for once, at the first run."""
        return Instructions(self._prompts, (*self._framework, guide()))

    async def for_run(self, context: Callable[[], RunContext[Any]]) -> tuple[Instruction, ...]:
        """The instructions of a run; `context` is called only if a function asks for it."""
        if self.is_fixed:
            return self._fixed
        return self._labelled([item if isinstance(item, str) else await asked(item, context) for item in self._prompts])

    def _labelled(self, texts: Sequence[str]) -> tuple[Instruction, ...]:
        names = [
            "system_prompt" if isinstance(item, str) else f"system_prompt:{getattr(item, '__name__', 'function')}"
            for item in self._prompts
        ]
        own = (Instruction(name, text) for name, text in zip(names, texts, strict=True) if text)
        return (*own, *self._framework)


async def asked(function: Callable[..., Any], context: Callable[[], RunContext[Any]]) -> Any:
    """What a function of the developer's gives, sync or async, with the context if it takes one."""
    said = function(context()) if inspect.signature(function).parameters else function()
    return await said if inspect.isawaitable(said) else said


def said_by(prompt: Prompt) -> tuple[Message, ...]:
    """A prompt as messages."""
    if prompt is None:
        return ()
    items = [prompt] if isinstance(prompt, str) else prompt
    messages = [item for item in items if isinstance(item, Message)]
    parts = [item for item in items if not isinstance(item, Message)]
    # What is not a message yet is said by the user, after those that are.
    return (*messages, Message.user(parts)) if parts else tuple(messages)
