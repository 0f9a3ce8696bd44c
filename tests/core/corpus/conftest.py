"""The experiment that the tests of configuration use."""

from __future__ import annotations

from tests.config.conftest import experiment, faults

__all__ = ["experiment", "faults"]
