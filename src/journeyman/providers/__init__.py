"""Tables: vendor to dialect, address, credentials, capabilities, quirks; prices."""

from .capabilities import Capabilities
from .endpoint import Endpoint, endpoint
from .prices import Rates, RatesOf, cost_of
from .vendors import VENDORS, Vendor, register_vendor, vendor_and_model

__all__ = [
    "VENDORS",
    "Capabilities",
    "Endpoint",
    "Rates",
    "RatesOf",
    "Vendor",
    "cost_of",
    "endpoint",
    "register_vendor",
    "vendor_and_model",
]
