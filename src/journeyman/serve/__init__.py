"""HTTP: any model on every wire, and runs to begin and to follow, as ASGI apps that mount anywhere."""

from .access import check_binding
from .asgi import App
from .gateway import Bounds, Gateway, Models
from .run import serving
from .runs import Beside, Redelivery, RunBounds, Runs, Webhooks

__all__ = [
    "App",
    "Beside",
    "Bounds",
    "Gateway",
    "Models",
    "Redelivery",
    "RunBounds",
    "Runs",
    "Webhooks",
    "check_binding",
    "serving",
]
