"""What a JSON object is to us."""

from __future__ import annotations

from typing import Any

JsonObject = dict[str, Any]
"""A decoded JSON object; never changed in place by whoever did not make it."""
