"""What commands that serve have in common: where they listen, and how they end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter

from ...data import Secret
from ...serve import App, serving
from .view.screen import Screen

TOKEN = "JOURNEYMAN_TOKEN"  # noqa: S105  (the name of a variable)
"""Where the token comes from: a command line can be read by every user of the machine."""

GRACE = 5.0
"""Seconds that requests under way get when the server is told to end."""


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Address:
    """Where to listen."""

    host: Annotated[str, Parameter(help="The address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Parameter(help="The port; 0 takes a free one.")] = 8080


def token() -> Secret | None:
    """The token that clients have to show, if the environment names one."""
    value = os.environ.get(TOKEN, "").strip()
    return Secret(value) if value else None


async def stand(screen: Screen, app: App, address: Address, clients: dict[str, str]) -> int:
    """Serve until somebody ends it; `clients` says how clients are pointed here, with {url} for the address.

    SIGTERM and Ctrl-C end it in good order. Raises `CallerError` where it cannot listen.
    """
    ended = asyncio.Event()
    if sys.platform != "win32":
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    async with serving(app, address.host, address.port, grace=GRACE) as url:
        shown = {client: words.replace("{url}", url) for client, words in clients.items()}
        if screen.json:
            screen.object({"url": url, "clients": shown})
        else:
            screen.line(("serving at ", ""), (url, "bold"))
            for client, words in shown.items():
                screen.line((f"  {client:<12}", "dim"), words)
        await ended.wait()
    return 0


CLIENTS = {
    "openai": "OPENAI_BASE_URL={url}/v1",
    "anthropic": "ANTHROPIC_BASE_URL={url}",
    "google-genai": "GOOGLE_GEMINI_BASE_URL={url}",
    "boto3": "AWS_ENDPOINT_URL_BEDROCK_RUNTIME={url}",
    "cohere": "CO_API_URL={url}",
    "ollama": "OLLAMA_HOST={url}",
}
"""How each provider's official client is pointed at a server of ours."""
