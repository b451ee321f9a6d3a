"""The words before the user's: each with a label that says where they come from."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from ..journal import Instruction
from ..tools import RunContext

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

    async def for_run(self, context: Callable[[], RunContext[Any]]) -> tuple[Instruction, ...]:
        """The instructions of a run; `context` is called only if a function asks for it."""
        if self.is_fixed:
            return self._fixed
        return self._labelled([await _text(item, context) for item in self._prompts])

    def _labelled(self, texts: Sequence[str]) -> tuple[Instruction, ...]:
        names = [
            "system_prompt" if isinstance(item, str) else f"system_prompt:{getattr(item, '__name__', 'function')}"
            for item in self._prompts
        ]
        own = (Instruction(name, text) for name, text in zip(names, texts, strict=True) if text)
        return (*own, *self._framework)


async def _text(item: str | PromptFunction, context: Callable[[], RunContext[Any]]) -> str:
    if isinstance(item, str):
        return item
    said = item(context()) if inspect.signature(item).parameters else item()
    return await said if inspect.isawaitable(said) else said
