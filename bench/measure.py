"""One case of one system in this process: prints its figures as a line of JSON. Started by `run.py`."""

import asyncio
import importlib
import json
import sys

from cases import CASES, Setting, resident_peak_mb


def main() -> None:
    module, case, url, seconds, turns = sys.argv[1:]
    system = importlib.import_module(f"systems.{module}")
    lacks = getattr(system, "LACKS", {})
    if case in lacks:
        print(json.dumps({"lacks": lacks[case]}))
        return
    setting = Setting(system, url, float(seconds), int(turns))
    figures = asyncio.run(CASES[case](setting))
    print(json.dumps({**figures, "rss_mb": resident_peak_mb()}))


if __name__ == "__main__":
    main()
