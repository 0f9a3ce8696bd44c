"""Train one nested named-entity recogniser on several corpora, and find mentions with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mtner_cli.core.tagger import Tagger
    from mtner_cli.core.types import Mention

__all__ = ["Mention", "Tagger", "__version__"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import what is asked for: the whole package takes seconds, and ``--help`` needs nothing."""
    if name == "Tagger":
        from mtner_cli.core.tagger import Tagger

        return Tagger
    if name == "Mention":
        from mtner_cli.core.types import Mention

        return Mention
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
