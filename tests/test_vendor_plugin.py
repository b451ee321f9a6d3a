"""The template of a package that brings a vendor: installed, found, used, and its own tests pass."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

TEMPLATE = Path(__file__).parent.parent / "examples" / "vendor_plugin"


@pytest.fixture
def installed(tmp_path):
    """The template as an installer leaves it: the package beside what its pyproject says of it."""
    project = tomllib.loads((TEMPLATE / "pyproject.toml").read_text(encoding="utf-8"))
    told, site = project["project"], tmp_path / "site"
    for package in project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]:
        shutil.copytree(TEMPLATE / package, site / Path(package).name)
    info = site / f"{told['name'].replace('-', '_')}-{told['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {told['name']}\nVersion: {told['version']}\n")
    groups = told["entry-points"].items()
    lines = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in entries.items()) for group, entries in groups
    ]
    (info / "entry_points.txt").write_text("\n".join(lines))
    return site


def run(site, *argv):
    done = subprocess.run(  # noqa: S603  (our own interpreter and template)
        [sys.executable, *argv],
        capture_output=True,
        text=True,
        check=False,
        cwd=site,
        env={**os.environ, "PYTHONPATH": str(site)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_an_installed_vendor_is_there_when_it_is_asked_for(installed):
    """Before that it is unknown; then it is a vendor like any other."""
    program = (
        "from journeyman import CallerError, Image, open_model\n"
        "from journeyman.data import Message, ModelRequest\n"
        "from journeyman.providers import VENDORS, load_entry_points\n"
        "assert 'acme' not in VENDORS\n"
        "print(load_entry_points())\n"
        "model = open_model('acme:acme-mini', api_key='secret-0123456789')\n"
        "shown = model.preview(ModelRequest('', (Message.user('Hi'),)))\n"
        "print(shown.path, shown.headers['x-acme-key'])\n"
        "try:\n"
        "    model.preview(ModelRequest('', (Message.user([Image('image/png', b'x')]),)))\n"
        "except CallerError as error:\n"
        "    print(error)\n"
    )
    first, second, third = run(installed, "-c", program).splitlines()
    assert first == "('acme',)"
    assert second == "https://api.acme.example/v1/chat/completions ***"
    assert "acme:acme-mini takes no images" in third


def test_the_templates_own_tests_pass(installed):
    """They are the kit's, against the twin."""
    shutil.copy(TEMPLATE / "tests" / "test_acme.py", installed)
    out = run(installed, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "asyncio_mode=auto", "test_acme.py")
    assert "6 passed" in out
