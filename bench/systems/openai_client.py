"""The client of OpenAI's SDK that the peers share: made once, kept open, without retries that would hide errors.

By default it is the SDK's own, with its own limits (an unbounded pool is slower: each request looks through it). The
SDK's optional backend on aiohttp is cheaper with many runs at once; `run.py --aiohttp` measures with it.
"""

import os

from openai import AsyncOpenAI, DefaultAioHttpClient, DefaultAsyncHttpxClient

SECONDS = 300  # the longest wait for a place in the pool when 2,000 runs want one


def open_client(url: str) -> AsyncOpenAI:
    kind = DefaultAioHttpClient if os.environ.get("BENCH_OPENAI_CLIENT") == "aiohttp" else DefaultAsyncHttpxClient
    return AsyncOpenAI(base_url=url, api_key="test", max_retries=0, http_client=kind(timeout=SECONDS))
