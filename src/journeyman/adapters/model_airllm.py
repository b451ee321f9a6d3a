"""Models that are larger than the memory, layer by layer, with AirLLM: `airllm:meta-llama/Llama-3.1-70B-Instruct`."""

from __future__ import annotations

from ..data import CallerError
from ..providers import Capabilities
from .model_in_process import InProcessModel
from .model_transformers import HuggingFaceEngine, optional

MAX_TOKENS = 256
"""What an answer may hold where nobody said: every token reads the whole model from the disk."""


def airllm_model(reference: str, *, capabilities: Capabilities | None = None) -> InProcessModel:
    """A model by its name on the hub, or by its folder; it is loaded, and split into layers, at the first request.

    Raises `CallerError` then, where the package is not installed or there is no such model.
    """
    name = f"airllm:{reference}"
    return InProcessModel(name, lambda: _load(reference), capabilities=capabilities, most=MAX_TOKENS)


def _load(reference: str) -> HuggingFaceEngine:
    library = optional("airllm", "airllm")
    try:
        model = library.AutoModel.from_pretrained(reference)
    except (OSError, ValueError) as error:
        raise CallerError(f"AirLLM cannot load {reference!r}: {error}") from error
    # AirLLM brings its own tokenizer, and works where it says, since the layers come and go.
    return HuggingFaceEngine(model, model.tokenizer, model.running_device)
