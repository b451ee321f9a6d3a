"""Addresses that are worked out of more than one environment variable; each function raises `CallerError` naming them.

An address that is passed to `open_model(base_url=…)` is taken as it is and does not come here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from ...data import CallerError

_is_plain = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:_-]*").fullmatch
"""Names of regions and projects; anything else would change the address that they are put into."""


def azure_address(environ: Mapping[str, str], has_key: bool) -> str:  # noqa: ARG001, FBT001  (the shape of all of these)
    """Of a resource, `AZURE_OPENAI_ENDPOINT`; with nothing behind the host its v1 API is meant.

    That one needs no `api-version` (Microsoft's page "Azure OpenAI in Microsoft Foundry Models API lifecycle"). With a
    dated version the address is written out: …/openai/deployments/NAME?api-version=2024-10-21.
    """
    url = environ.get("AZURE_OPENAI_ENDPOINT", "").strip()
    if not url:
        raise CallerError("azure has no address of its own; set AZURE_OPENAI_ENDPOINT (https://NAME.openai.azure.com)")
    return url if _has_path(url) else f"{url.rstrip('/')}/openai/v1"


def bedrock_address(environ: Mapping[str, str], has_key: bool) -> str:  # noqa: ARG001, FBT001  (likewise)
    """Of the region's run time, unless the variable of AWS's own tools for another endpoint is set."""
    if url := environ.get("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "").strip():
        return url
    return f"https://bedrock-runtime.{aws_region(environ)}.amazonaws.com"


def aws_region(environ: Mapping[str, str]) -> str:
    """The region that AWS's own tools would take from the environment."""
    return _named(environ, ("AWS_REGION", "AWS_DEFAULT_REGION"), "bedrock has an address for each region")


def vertex_address(environ: Mapping[str, str], has_key: bool) -> str:  # noqa: FBT001  (likewise)
    """Of Google's models on Vertex AI: of a project and a location, or without either where there is a key.

    With a key (express mode) there is one address for all. `global` has the plain host, `us` and `eu` have hosts that keep
    data there (Google's pages "Vertex AI in express mode" and "Locations").
    """
    if has_key:
        return "https://aiplatform.googleapis.com/v1/publishers/google"
    project = _named(environ, ("GOOGLE_CLOUD_PROJECT",), "vertex needs a project, or a key (GOOGLE_API_KEY)")
    location = _plain("GOOGLE_CLOUD_LOCATION", environ.get("GOOGLE_CLOUD_LOCATION", "").strip() or "global")
    match location:
        case "global":
            host = "aiplatform.googleapis.com"
        case "us" | "eu":
            host = f"aiplatform.{location}.rep.googleapis.com"
        case _:
            host = f"{location}-aiplatform.googleapis.com"
    return f"https://{host}/v1/projects/{project}/locations/{location}/publishers/google"


def ollama_address(environ: Mapping[str, str], has_key: bool) -> str:  # noqa: ARG001, FBT001  (likewise)
    """Of Ollama's own API: `OLLAMA_BASE_URL` (also with the /v1 of its other one), or Ollama's `OLLAMA_HOST`."""
    return _ollama(environ).rstrip("/").removesuffix("/v1")


def ollama_chat_address(environ: Mapping[str, str], has_key: bool) -> str:  # noqa: ARG001, FBT001  (likewise)
    """Of Ollama's API that is compatible with OpenAI's."""
    return f"{_ollama(environ).rstrip('/').removesuffix('/v1')}/v1"


def _ollama(environ: Mapping[str, str]) -> str:
    url = environ.get("OLLAMA_BASE_URL", "").strip() or environ.get("OLLAMA_HOST", "").strip()
    if not url:
        return "http://127.0.0.1:11434"
    if "://" not in url:
        # OLLAMA_HOST is host, host:port or :port; a server told to listen everywhere is asked on this machine.
        host, colon, port = url.rpartition(":") if re.search(r":\d+$", url) else (url, "", "")
        host = host.strip("/") or "127.0.0.1"
        url = f"http://{host}:{port if colon else 11434}"
    return url.replace("//0.0.0.0", "//127.0.0.1", 1)


def _named(environ: Mapping[str, str], names: tuple[str, ...], why: str) -> str:
    for name in names:
        if value := environ.get(name, "").strip():
            return _plain(name, value)
    raise CallerError(f"{why}: set {' or '.join(names)}, or pass base_url=")


def _plain(name: str, value: str) -> str:
    if not _is_plain(value):
        raise CallerError(f"{name}={value!r} cannot be a part of an address; it is a plain name such as us-east-1")
    return value


def _has_path(url: str) -> bool:
    try:
        return urlsplit(url).path not in ("", "/")
    except ValueError:
        return True
