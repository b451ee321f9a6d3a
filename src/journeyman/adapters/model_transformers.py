"""Models of the Hugging Face library `transformers`, in this process: `transformers:Qwen/Qwen3-0.6B`."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from ..data import CallerError, JsonObject, Settings
from ..providers import Capabilities
from .model_in_process import Generated, InProcessModel


def transformers_model(reference: str, *, capabilities: Capabilities | None = None) -> InProcessModel:
    """A model by its name on the hub, or by its folder; it is loaded at the first request.

    Raises `CallerError` then, where the packages are not installed or there is no such model.
    """
    return InProcessModel(f"transformers:{reference}", lambda: _load(reference), capabilities=capabilities)


class HuggingFaceEngine:
    """Generates with anything that has the library's `generate`, and its tokenizer's chat template."""

    def __init__(self, model: Any, tokenizer: Any, device: Any) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._device = device
        self._library = optional("transformers")

    def prompt(self, messages: list[JsonObject], tools: list[JsonObject]) -> str:
        """By the chat template that comes with the model."""
        if not getattr(self._tokenizer, "chat_template", None):
            raise CallerError("this model has no chat template, so it cannot be talked with; choose one for chat")
        prompt: str = self._tokenizer.apply_chat_template(
            messages, tools=tools or None, add_generation_prompt=True, tokenize=False
        )
        return prompt

    def generate(
        self, prompt: str, settings: Settings, tell: Callable[[str], None], stopped: Callable[[], bool]
    ) -> Generated:
        """Sampled where a temperature above 0 is set, else the likeliest tokens."""
        if settings.seed is not None:
            self._library.set_seed(settings.seed)
        # The template has put in the marks of the beginning.
        inputs = self._tokenizer(prompt, return_tensors="pt", add_special_tokens=False).to(self._device)
        given = int(inputs["input_ids"].shape[-1])
        streamer, criteria = self._streamer(tell), self._library.StoppingCriteriaList([_Stopping(stopped)])
        output = self._model.generate(**inputs, **_options(settings), streamer=streamer, stopping_criteria=criteria)
        made = int(output.shape[-1]) - given
        return Generated(given, made, cut=made >= (settings.max_tokens or 0))

    def _streamer(self, tell: Callable[[str], None]) -> Any:
        class Streamer(self._library.TextStreamer):  # type: ignore[name-defined,misc]  # only known once it is imported
            def on_finalized_text(self, text: str, **_: bool) -> None:
                if text:
                    tell(text)

        return Streamer(self._tokenizer, skip_prompt=True, skip_special_tokens=True)


class _Stopping:
    def __init__(self, stopped: Callable[[], bool]) -> None:
        self._stopped = stopped

    def __call__(self, input_ids: Any, *_: Any, **__: Any) -> Any:
        torch = optional("torch")
        return torch.full((input_ids.shape[0],), self._stopped(), dtype=torch.bool, device=input_ids.device)


def optional(package: str, needed: str = "transformers torch") -> Any:
    """A package that is not always there; raises `CallerError` that says what to install.

    No extra of ours brings it: it is gigabytes, and which build of torch fits depends on the machine's cards.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise CallerError(f"{package} is not installed, or cannot be loaded ({error}): pip install {needed}") from error


def _options(settings: Settings) -> dict[str, Any]:
    options: dict[str, Any] = {"max_new_tokens": settings.max_tokens, "do_sample": bool(settings.temperature)}
    if settings.temperature:
        options["temperature"] = settings.temperature
        for name in ("top_p", "top_k"):
            if (value := getattr(settings, name)) is not None:
                options[name] = value
    return options


def _load(reference: str) -> HuggingFaceEngine:
    library = optional("transformers")
    optional("torch")
    try:
        tokenizer = library.AutoTokenizer.from_pretrained(reference)
        model = library.AutoModelForCausalLM.from_pretrained(reference, dtype="auto")
    except (OSError, ValueError) as error:
        raise CallerError(f"transformers cannot load {reference!r}: {error}") from error
    model.eval()
    return HuggingFaceEngine(model, tokenizer, model.device)
