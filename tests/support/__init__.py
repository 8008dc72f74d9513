"""What the tests share: the FileCheck harness, the stock MLIR gate, the runner of the documentation's code."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The repository."""
