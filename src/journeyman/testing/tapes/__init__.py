"""Recording runs on tapes and replaying them, and tapes from cassettes of others."""

from .cassettes import tape_from_cassette
from .recording import Recording, record
from .replaying import Replaying, replay

__all__ = ["Recording", "Replaying", "record", "replay", "tape_from_cassette"]
