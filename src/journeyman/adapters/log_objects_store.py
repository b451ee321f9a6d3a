"""The requests of an `ObjectsLog` to its object store, and what their errors mean."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast
from urllib.parse import parse_qsl

from ..data import CallerError, JourneymanError

try:
    import obstore
    from obstore.exceptions import (
        AlreadyExistsError,
        BaseError,
        PermissionDeniedError,
        PreconditionError,
        UnauthenticatedError,
        UnknownConfigurationKeyError,
    )
    from obstore.store import from_url
except ImportError as missing:
    raise CallerError(
        'a journal in an object store needs the package obstore: pip install "journeyman[objects]"'
    ) from missing

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ObjectStore

T = TypeVar("T")
U = TypeVar("U")

AT_ONCE = 16
"""How many objects are asked for at a time: a request takes tens of milliseconds, nearly all of them waiting."""

FENCE = "fence"
"""An object that is there so that it cannot be created: where it can be, the store has no fence."""

_SECRETS = re.compile(
    r"(?i)((?:sig|signature|credential|security-token|sas[_-]token|password|secret[^=\s]*)=)[^&\s\"'>]+"
)


class Listed(NamedTuple):
    """An object in a list; `tag` changes with its content."""

    key: str
    size: int
    tag: str


class Store:
    """An object store; its methods block, and may be called by several threads at once."""

    def __init__(self, store: ObjectStore, name: str, secrets: Sequence[str] = ()) -> None:
        self.name = name
        self._store = store
        self._secrets = secrets
        self._inside = threading.local()
        self._pool = ThreadPoolExecutor(AT_ONCE, "journeyman objects", initializer=self._enter)
        self._lock = threading.Lock()
        self._fenced = False

    def each(self, work: Callable[[T], U], items: Iterable[T]) -> list[U]:
        """Do something that blocks for all of them at once."""
        items = list(items)
        # Whoever is one of many already waits for no others of them: they might all wait so.
        alone = len(items) == 1 or getattr(self._inside, "here", False)
        return [work(item) for item in items] if alone else list(self._pool.map(work, items))

    def later(self, work: Callable[[], None]) -> None:
        """Do something that nobody waits for, and that is nothing lost if it fails."""

        def attempt() -> None:
            try:
                work()
            except JourneymanError:
                return

        self._pool.submit(attempt)

    def create(self, key: str, data: bytes) -> bool:
        """Store an object where there is none; False, and nothing is changed, where there is one."""
        self._check_fence()
        return self._create(key, data)

    def put(self, key: str, data: bytes) -> None:
        """Store an object in the place of what is there."""
        self._carry_out(lambda: obstore.put(self._store, key, data, use_multipart=False))

    def get(self, key: str) -> bytes | None:
        """An object's content, None where there is none."""
        try:
            return bytes(self._carry_out(lambda: obstore.get(self._store, key).bytes()))
        except FileNotFoundError:
            return None

    def exists(self, key: str) -> bool:
        """Whether there is such an object."""
        try:
            self._carry_out(lambda: obstore.head(self._store, key))
        except FileNotFoundError:
            return False
        return True

    def listed(self, prefix: str, after: str | None = None) -> Generator[Listed]:
        """The objects below a prefix in the order of their keys, those after a key only."""
        pages = self._carry_out(lambda: iter(self._pages(prefix, after)))
        while page := self._carry_out(lambda: next(pages, None)):
            for entry in page:
                yield Listed(entry["path"], entry["size"], f"{entry['e_tag']} {entry['last_modified']}")

    def _pages(self, prefix: str, after: str | None) -> Iterable[Sequence[ObjectMeta]]:
        return obstore.list(self._store, prefix, offset=after, chunk_size=1000)  # pyright: ignore[reportUnknownMemberType]  # of an overload for Arrow, which is not installed

    def remove(self, keys: Sequence[str]) -> None:
        """Remove objects, whether they are there or not."""

        def remove(key: str) -> None:
            try:
                self._carry_out(lambda: obstore.delete(self._store, key))
            except FileNotFoundError:
                return

        if keys:
            self.each(remove, keys)

    def close(self) -> None:
        """Finish what is under way."""
        self._pool.shutdown()

    def _enter(self) -> None:
        self._inside.here = True

    def _create(self, key: str, data: bytes) -> bool:
        try:
            self._carry_out(lambda: obstore.put(self._store, key, data, mode="create", use_multipart=False))
        except (AlreadyExistsError, PreconditionError):
            return False
        return True

    def _check_fence(self) -> None:
        # Some servers that speak S3 pass over If-None-Match, and then two writers would both believe that they won.
        with self._lock:
            if not self._fenced and self._create(FENCE, b"") and self._create(FENCE, b""):
                raise CallerError(
                    f"{self.name} does not keep to `If-None-Match: *`, so it cannot keep two writers of a run apart; use a "
                    "store with conditional writes"
                )
            self._fenced = True

    def _carry_out(self, work: Callable[[], T]) -> T:
        # Not the cause: its text may hold a signed address.
        try:
            return work()
        except (FileNotFoundError, AlreadyExistsError, PreconditionError):
            raise
        except (PermissionDeniedError, UnauthenticatedError) as error:
            raise CallerError(f"{self.name} does not let us in; see to the credentials: {self._told(error)}") from None
        except (BaseError, OSError, ValueError) as error:
            raise JourneymanError(f"the journal {self.name} failed: {self._told(error)}") from None

    def _told(self, error: Exception) -> str:
        text = _SECRETS.sub(r"\1…", " ".join(str(error).split()))
        for secret in self._secrets:
            text = text.replace(secret, "…")
        return text[:500]


_PLAIN = {"region", "aws_region", "endpoint", "endpoint_url", "aws_endpoint", "aws_endpoint_url", "allow_http"}
"""Parameters of an address that may be shown."""


def open_store(url: str, timeout: float) -> Store:
    """The store of an address; its parameters are obstore's, and what is missing comes from the environment."""
    place, _, query = url.partition("?")
    parameters = dict(parse_qsl(query, keep_blank_values=True))
    secrets = [value for name, value in parameters.items() if name.lower() not in _PLAIN and len(value) > 3]  # noqa: PLR2004  ("true")
    # Whoever writes an address without TLS means it.
    plain = parameters.pop("allow_http", None) == "true" or any(
        name.endswith(("endpoint", "endpoint_url")) and value.startswith("http://")
        for name, value in parameters.items()
    )
    try:
        store = from_url(
            place,
            config=cast("Any", parameters),
            client_options=cast("Any", {"allow_http": plain, "timeout": timedelta(seconds=timeout)}),
            retry_config={"retry_timeout": timedelta(seconds=timeout)},
        )
    except (BaseError, ValueError, TypeError) as error:
        # Not the cause, which repeats the address, and the address may hold a secret.
        what = f" ({error})" if isinstance(error, UnknownConfigurationKeyError) else ""
        raise CallerError(
            f"this is no address of an object store{what}; write s3://bucket/prefix?region=…, gs://bucket/prefix or "
            "az://account/container/prefix"
        ) from None
    return Store(store, place.rpartition("@")[2] if "@" in place else place, secrets)
