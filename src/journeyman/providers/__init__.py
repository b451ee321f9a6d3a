"""Tables: vendor to dialect, address, credentials, capabilities, quirks; prices; discovery."""

from .capabilities import ABILITIES, Ability, Capabilities, asked_by, lack, media_in
from .discovery import Asked, AvailableModel, AvailableModels, Unreachable, discover, vendors_to_ask
from .embedding import embedding_wire
from .endpoint import Endpoint, endpoint, is_configured, secrets_of, shown_address
from .estimating import Count, Estimate, count_tokens
from .prices import Rates, RatesOf, cost_of
from .vendor import Authorize, Models, Vendor, Wire
from .vendors import VENDORS, load_entry_points, register_vendor, vendor_and_model, vendor_named

__all__ = [
    "ABILITIES",
    "VENDORS",
    "Ability",
    "Asked",
    "Authorize",
    "AvailableModel",
    "AvailableModels",
    "Capabilities",
    "Count",
    "Endpoint",
    "Estimate",
    "Models",
    "Rates",
    "RatesOf",
    "Unreachable",
    "Vendor",
    "Wire",
    "asked_by",
    "cost_of",
    "count_tokens",
    "discover",
    "embedding_wire",
    "endpoint",
    "is_configured",
    "lack",
    "load_entry_points",
    "media_in",
    "register_vendor",
    "secrets_of",
    "shown_address",
    "vendor_and_model",
    "vendor_named",
    "vendors_to_ask",
]
