"""The public surface: what it is called, what importing it costs, and that it can be vendored."""

from __future__ import annotations

import inspect
import re
import shutil
import subprocess
import sys
from pathlib import Path

import journeyman

HERE = Path(__file__).parent
ROOT = HERE.parent
PACKAGE = ROOT / "src" / "journeyman"
SNAPSHOT = HERE / "public.txt"
MOST_NAMES = 40


def surface() -> str:
    """Every public name with the signature of what it is, a line each."""
    lines = []
    for name in sorted(journeyman.__all__):
        value = getattr(journeyman, name)
        lines.append(f"{name}{_signature(value)}")
        if inspect.isclass(value):
            own = {key for kind in value.__mro__ if kind.__module__.startswith("journeyman") for key in vars(kind)}
            for key in sorted(own):
                if key.startswith("_"):
                    continue
                lines.append(f"    {name}.{key}{_signature(getattr(value, key))}")
    return "\n".join(lines) + "\n"


def _signature(value: object) -> str:
    if not callable(value):
        return ""
    try:
        return re.sub(r" at 0x\w+", "", str(inspect.signature(value)))
    except (TypeError, ValueError):
        return "(…)"


def run_python(code: str, cwd: Path | None = None) -> str:
    done = subprocess.run(  # noqa: S603  (our own interpreter and code)
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=cwd, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_public_names_are_those_of_the_snapshot() -> None:
    """A changed public surface is a decision: `make public` rewrites tests/public.txt, and the diff shows it."""
    assert surface() == SNAPSHOT.read_text(encoding="utf-8")


def test_the_root_exports_few_names() -> None:
    """The root has at most 40 names, and all of them exist."""
    assert len(journeyman.__all__) <= MOST_NAMES
    assert all(hasattr(journeyman, name) for name in journeyman.__all__)
    assert set(journeyman.__all__) <= set(dir(journeyman))


def test_an_unknown_name_is_an_attribute_error() -> None:
    """A typo in an import is told at once."""
    assert not hasattr(journeyman, "Agnet")


def test_importing_the_package_loads_nothing_heavy() -> None:
    """`import journeyman` loads neither pydantic, msgspec, aiohttp nor any optional package."""
    heavy = "aiohttp pydantic msgspec genai_prices rich cyclopts uvicorn prompt_toolkit asyncio"
    loaded = run_python(f"import sys, journeyman; print([m for m in {heavy.split()!r} if m in sys.modules])")
    assert loaded == "[]"


def test_declaring_an_agent_loads_no_client() -> None:
    """An agent with tools can be declared without aiohttp, price data or any optional package being imported."""
    code = (
        "import sys\nfrom journeyman import Agent, tool\n"
        "@tool\ndef weather(city: str) -> str:\n    'Tell the weather.'\n    return 'fine'\n"
        "Agent('openai:gpt-5-mini', tools=[weather])\n"
        "print([m for m in ('aiohttp', 'genai_prices', 'rich', 'cyclopts', 'uvicorn') if m in sys.modules])"
    )
    assert run_python(code) == "[]"


def test_the_package_can_be_vendored(tmp_path: Path) -> None:
    """`cp -r src/journeyman myproject/` gives a package that works under its new name."""
    host = tmp_path / "myproject"
    host.mkdir()
    (host / "__init__.py").touch()
    shutil.copytree(PACKAGE, host / "journeyman", ignore=shutil.ignore_patterns("__pycache__"))
    code = (
        "import sys\nfrom myproject.journeyman import Agent, ScriptedModel, tool\n"
        "@tool\ndef add(a: int, b: int) -> int:\n    'Add.'\n    return a + b\n"
        "from myproject.journeyman.data import ToolCall\n"
        "agent = Agent(ScriptedModel([ToolCall('1', 'add', '{\"a\": 1, \"b\": 2}'), 'three']), tools=[add])\n"
        "print(agent.run_sync('1 + 2?').output, 'journeyman' in sys.modules)"
    )
    assert run_python(code, cwd=tmp_path) == "three False"


def test_only_relative_imports_are_used_inside_the_package() -> None:
    """No file of the package names the package absolutely, or vendoring would mix two copies."""
    absolute = re.compile(r"^\s*(?:from|import) journeyman\b", re.MULTILINE)
    # In docstrings the user's own imports are shown, and those are absolute.
    code = {
        path: re.sub(r'""".*?"""', "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        for path in PACKAGE.rglob("*.py")
    }
    assert [path.name for path, text in code.items() if absolute.search(text)] == []


def test_the_map_in_the_readme_is_that_of_the_rooms() -> None:
    """The README's map has a row for each room, in the words of the room's own docstring."""
    rooms = {path.parent.name: path for path in PACKAGE.glob("*/__init__.py")}
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)/` \| (.+?) \|$", readme, flags=re.MULTILINE))
    said = {name: _first_line(path) for name, path in rooms.items()}
    assert rows == said


def _first_line(path: Path) -> str:
    found = re.match(r'"""(.+?)"""', path.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert found is not None, f"{path} has no docstring"
    return found.group(1).splitlines()[0].strip()


def test_files_stay_short() -> None:
    """No file of the package has more than 400 lines."""
    long = {path.name: n for path in PACKAGE.rglob("*.py") if (n := len(path.read_text("utf-8").splitlines())) > 400}
    assert long == {}


if __name__ == "__main__":
    SNAPSHOT.write_text(surface(), encoding="utf-8")
