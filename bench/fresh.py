"""The first answer of a fresh process: prints the CPU seconds since its start. Imports nothing that could be spared."""

import sys
import time


def main() -> None:
    name, url = sys.argv[1:]
    system = __import__(f"systems.{name}", fromlist=[name])
    import asyncio

    from work import ANSWER, PROMPT, Work

    async def first() -> str:
        async with system.session(Work(url, "plain", tools=True)) as session:
            return await session.run(PROMPT)

    if asyncio.run(first()) != ANSWER:
        raise AssertionError("a wrong answer")
    print(time.process_time())


if __name__ == "__main__":
    main()
