"""The collector is installed alone, without what only the sidecar needs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

LOCK = Path("requirements-collector.lock")
PIN = re.compile(r"^([a-z0-9-]+)==(.*?)(?=^\S|\Z)", re.MULTILINE | re.DOTALL)
ALONE = """
import collector, importlib.metadata, pkgutil, re, sys

installed = {re.sub("[-_.]+", "-", name).lower() for name in sys.argv[1:]}
missing = {
    module
    for module, names in importlib.metadata.packages_distributions().items()
    if not installed & {re.sub("[-_.]+", "-", name).lower() for name in names}
}

class NotInstalled:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in missing:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, NotInstalled())
for module in pkgutil.iter_modules(collector.__path__, "collector."):
    if module.name not in {"collector.__main__", "collector.httpx_client"}:
        __import__(module.name)
from collector.cli import app
app(["check", "--config", "collector/apis.yml"])
"""


def pins(lock: Path) -> dict[str, list[str]]:
    """Return the version and the hashes of each package."""
    pinned = PIN.findall(lock.read_text(encoding="utf-8"))
    return {name: [rest.split()[0], *re.findall(r"sha256:\w+", rest)] for name, rest in pinned}


def test_the_collector_needs_no_more_than_its_lock() -> None:
    """With the packages of `requirements-collector.lock` alone all of it can be imported, and the command works."""
    command = [sys.executable, "-c", ALONE, "rapidapi-ml", *pins(LOCK)]
    result = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (0, "collector/apis.yml: no errors, 2 APIs\n"), result.stderr


def test_the_collector_is_installed_as_it_is_tested() -> None:
    """Its packages are those of the whole installation, by version and hash, and not those of the models."""
    alone, whole = pins(LOCK), pins(Path("requirements-run.lock"))
    assert alone.items() <= whole.items()
    assert {"aiohttp", "pydantic", "typer"} <= alone.keys()
    assert not {"numpy", "scipy", "pandas", "scikit-learn"} & alone.keys()
