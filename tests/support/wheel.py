"""Builds the wheel and unpacks it: ``python -m support.wheel DIRECTORY``, in tests/.

The type checker reads the package there, since it does not see that an editable install maps passes/ to irc.passes.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from support import ROOT

SOURCES = ("irc", "passes", "frontends", "pyproject.toml", "README.md", "LICENSE")
BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"


def unpack_wheel(directory: Path) -> Path:
    """Build the wheel, without network, and unpack it into ``directory``, which is emptied first and returned.

    The build works on a copy of the sources, so no stale build/lib can reach the wheel.
    """
    shutil.rmtree(directory, ignore_errors=True)
    with tempfile.TemporaryDirectory() as temporary:
        copy = Path(temporary) / "sources"
        copy.mkdir()
        for name in SOURCES:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(source, copy / name)
        built = subprocess.run([sys.executable, "-c", BUILD, temporary], cwd=copy, capture_output=True, text=True)
        if built.returncode:
            raise RuntimeError(f"the wheel does not build:\n{built.stdout}{built.stderr}")
        (wheel,) = Path(temporary).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(directory)
    return directory


if __name__ == "__main__":
    unpack_wheel(Path(sys.argv[1]))
