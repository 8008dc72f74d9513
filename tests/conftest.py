"""Collects the IR tests below tests/filecheck, sets how Hypothesis runs, and keeps tests from the user's cache."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings

from support.commands import CheckFailure
from support.gate import gated_tools
from support.run_lines import is_data, run_file

settings.register_profile("irc", deadline=None, derandomize=True)  # same examples every time, on any machine
settings.load_profile("irc")

FILECHECK = Path(__file__).parent / "filecheck"


def pytest_configure(config: pytest.Config) -> None:
    """No cache of native code but where a test has one of its own: others compile what they say they compile.

    It holds for processes that tests start, too. Libraries that tests use have their caches in this directory.
    """
    caches = config.rootpath / "build" / "test-caches"
    caches.mkdir(parents=True, exist_ok=True)
    (caches / "irc-compiler").write_text("A file, where no cache can be.\n")
    os.environ["XDG_CACHE_HOME"] = str(caches)


class FileCheckItem(pytest.Item):
    """The RUN lines of one file."""

    def runtest(self) -> None:
        """Run them in-process; every module that irc-opt prints passes the gate of stock MLIR."""
        with TemporaryDirectory() as scratch, gated_tools():
            run_file(self.path, Path(scratch))

    def repr_failure(self, excinfo, style=None):
        """Failed checks and unsound tests as plain text; anything else, a bug in a tool, with its traceback."""
        if excinfo.errisinstance(CheckFailure):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self):
        """Where the test is, for pytest's report."""
        return self.path, 0, f"RUN lines of {self.path.name}"


class FileCheckFile(pytest.File):
    """A file with RUN lines."""

    def collect(self) -> Iterator[FileCheckItem]:
        """One item: the RUN lines in their order."""
        yield FileCheckItem.from_parent(self, name="RUN")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> FileCheckFile | None:
    """Every file below tests/filecheck, whatever its extension, is a test, but for those in directories ``Inputs``."""
    if file_path.is_relative_to(FILECHECK) and not is_data(file_path.relative_to(FILECHECK)):
        return FileCheckFile.from_parent(parent, path=file_path)
    return None
