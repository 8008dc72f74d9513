"""Three directories of the tree are one import package, installed editable and in the wheel; one name per module."""

import os
import subprocess
import sys
import tomllib
from importlib import import_module

import pytest

from support import ROOT
from support.wheel import unpack_wheel

MAPPED = {"irc": "irc", "passes": "irc/passes", "frontends": "irc/frontends"}
"""Directories of the tree and where they lie in the wheel."""


def python(code, directory, path=""):
    """Run code in a fresh interpreter, away from the tree; its output."""
    command = [sys.executable, "-c", code]
    environment = {**os.environ, "PYTHONPATH": str(path)}
    done = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The unpacked wheel."""
    return unpack_wheel(tmp_path_factory.mktemp("wheel"))


def modules():
    """Path in the wheel of every module of the tree."""
    for source, target in MAPPED.items():
        for path in (ROOT / source).rglob("*.py"):
            yield f"{target}/{path.relative_to(ROOT / source)}"


def test_wheel_holds_every_module_and_nothing_else(wheel):
    packed = {str(path.relative_to(wheel)) for path in wheel.rglob("*.py")}
    assert packed == set(modules()), "a package is missing in pyproject.toml, or one too many is listed"
    assert (wheel / "irc" / "py.typed").is_file()
    assert (wheel / "irc_compiler-0.1.0.dist-info" / "licenses" / "LICENSE").is_file()


def test_every_package_has_an_init_file():
    packages = {path.rpartition("/")[0] for path in modules()}
    assert packages <= {path.rpartition("/")[0] for path in modules() if path.endswith("__init__.py")}


def test_every_module_of_the_wheel_imports_from_the_wheel(wheel, tmp_path):
    names = sorted(path.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for path in modules())
    code = f"""
from importlib import import_module
for name in {names}:
    module = import_module(name)
    assert module.__file__.startswith({str(wheel)!r}), module.__file__
"""
    python(code, tmp_path, wheel)


@pytest.mark.parametrize("directory", ["passes", "frontends"])
def test_editable_install_maps_the_directories(directory, tmp_path):
    code = f"import irc.{directory}; print(irc.{directory}.__file__)"
    assert python(code, tmp_path).strip() == str(ROOT / directory / "__init__.py")


def test_every_command_has_its_entry():
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert set(scripts) == {"irc", "irc-opt"}
    for entry in scripts.values():
        module, _, function = entry.partition(":")
        assert callable(getattr(import_module(module), function))


def test_one_name_per_module(tmp_path):
    """Importing and compiling, run where `passes` and `frontends` would be importable, does not import them so."""
    code = f"""
import sys
import irc
irc.compile({str(ROOT / "examples" / "nets" / "nn00.nal")!r})
print([name for name in sys.modules if name.partition(".")[0] in ("passes", "frontends")])
"""
    assert python(code, ROOT).strip() == "[]"


@pytest.mark.parametrize("directory", ["passes", "frontends"])
def test_linter_refuses_the_second_name(directory):
    def ruff(code):
        command = ["ruff", "check", "--stdin-filename", str(ROOT / "irc" / "example.py"), "-"]
        return subprocess.run([sys.executable, "-m", *command], input=code, capture_output=True, text=True, cwd=ROOT)

    for code in (f"import {directory}\n", f"import {directory}.x\n", f"from {directory} import x\n"):
        assert "TID251" in ruff(f"{code}\nprint({directory}, x)\n").stdout
    good = ruff(f"import irc.{directory}\nfrom irc.{directory} import x\n\nprint(irc, x)\n")
    assert good.returncode == 0, good.stdout
