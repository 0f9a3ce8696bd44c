"""Where the real corpora are that some tests read; without them, these tests are skipped."""

from __future__ import annotations

import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
REAL_CORPORA = Path(
    os.environ.get("MTNER_TEST_CORPORA") or PROJECT.parent / "shared" / "data"
).absolute()
