"""Picks adapters from a URL or a name; the only core room that names one."""

from .connections import loop_transport, new_transport
from .journals import new_memory_log, open_engine, open_journal
from .models import (
    get_available_models,
    get_available_models_sync,
    model_of,
    open_cache,
    open_embedder,
    open_model,
    vendor_endpoint,
    wired_model,
)
from .moments import clock, draw_run_id, new_run_id
from .prices import cost, estimate, get_embedding_rates, get_model_rates, set_model_rates
from .programs import language, loop_sandbox, open_sandbox

__all__ = [
    "clock",
    "cost",
    "draw_run_id",
    "estimate",
    "get_available_models",
    "get_available_models_sync",
    "get_embedding_rates",
    "get_model_rates",
    "language",
    "loop_sandbox",
    "loop_transport",
    "model_of",
    "new_memory_log",
    "new_run_id",
    "new_transport",
    "open_cache",
    "open_embedder",
    "open_engine",
    "open_journal",
    "open_model",
    "open_sandbox",
    "set_model_rates",
    "vendor_endpoint",
    "wired_model",
]
