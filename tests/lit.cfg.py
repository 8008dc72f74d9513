"""Runs the IR tests of tests/filecheck unchanged with the real executables: ``lit tests``."""

import os
import sys
from pathlib import Path

import lit.formats

tests = Path(__file__).resolve().parent
sys.path.insert(0, str(tests))
from support.run_lines import is_data  # noqa: E402

root = tests / "filecheck"
files = [path for path in root.rglob("*") if path.is_file() and not is_data(path.relative_to(root))]

config.name = "irc"  # noqa: F821  (`config` is lit's)
config.test_format = lit.formats.ShTest(execute_external=False)  # noqa: F821
config.test_source_root = str(root)  # noqa: F821
config.test_exec_root = str(tests.parent / "build" / "lit")  # noqa: F821
config.suffixes = sorted({path.suffix for path in files})  # noqa: F821
config.excludes = ["Inputs"]  # noqa: F821
config.environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # noqa: F821
