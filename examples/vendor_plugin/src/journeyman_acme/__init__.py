"""Acme's models for journeyman: one row."""

from journeyman.providers import Capabilities, Models, Vendor
from journeyman.wire import ChatQuirks

ACME = Vendor(
    name="acme",
    dialect="openai_chat",
    base_url="https://api.acme.example/v1",
    key_env="ACME_API_KEY",
    url_env="ACME_BASE_URL",
    # Any header may carry the key: "bearer", a header's name, or "?name" for a parameter of the query.
    auth="x-acme-key",
    # What Acme does otherwise than OpenAI.
    quirks=ChatQuirks(max_tokens="max_tokens"),
    # False is a known lack and refused before anything is sent; None is not known, and Acme has the last word.
    capabilities=Capabilities(json_schema=None, audio=False, video=False),
    exceptions=(Models(names=("acme-mini",), capabilities=Capabilities(json_schema=None, vision=False)),),
    keys_at="https://acme.example/keys",
)
