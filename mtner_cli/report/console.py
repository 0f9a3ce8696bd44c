"""Print text as it is, so that no name can change the output and no failure stops a training.

Names of corpora, entity types, files and folders come from other people's files. Rich would read
``[...]`` in them as markup, and a terminal would interpret their control characters.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import IO, Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.status import Status
from rich.text import Text

from mtner_cli.errors import visible

_NOBODY_READS = (errno.EPIPE, errno.EIO)
"""The errors of a pipe whose reader has ended, and of a closed terminal."""


_LOST: list[OSError] = []


def output_was_lost() -> bool:
    """Tell whether some output could not be written, such as on a full disk."""
    return bool(_LOST)


_UNCUT = 100_000
"""More columns than any table has."""


class PlainConsole(Console):
    """A Rich console without markup, emoji codes and highlighting.

    A pipe or file gets lines of any length: nothing in them is cut or folded.

    Args:
        file: the stream to print to; None is standard output.
        options: the options of :class:`rich.console.Console`.
    """

    def __init__(self, file: IO[str] | None = None, **options: Any) -> None:
        options = {"markup": False, "emoji": False, "highlight": False, **options}
        super().__init__(file=_PatientOutput(file or sys.stdout), **options)  # type: ignore[arg-type]
        if "width" not in options and "COLUMNS" not in os.environ and not self.is_terminal:
            self.width = _UNCUT

    def render_str(self, text: str, **options: Any) -> Text:
        """Convert a string to ``Text``; escape control characters before its width is measured."""
        return super().render_str(visible(text), **options)

    def status(self, status: RenderableType, **options: Any) -> Status:
        """Show a text with a spinner while a block runs."""
        options.setdefault("spinner", "dots" if self.encoding.startswith("utf") else "line")
        return super().status(Text(status) if isinstance(status, str) else status, **options)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Render anything, with every control character of its texts escaped."""
        for segment in super().render(renderable, options):
            if segment.control or segment.text == "\n":
                yield segment
            else:
                yield segment._replace(text=visible(segment.text))


class _PatientOutput:
    """A stream that drops its output after a failed write, so that the command can complete."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._failed = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        if not self._failed:
            try:
                return self._stream.write(text)
            except OSError as error:
                self._give_up(error)
        return len(text)

    def flush(self) -> None:
        if not self._failed:
            try:
                self._stream.flush()
            except OSError as error:
                self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        self._failed = True
        # The interpreter flushes standard output once more when it exits.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)
        if error.errno not in _NOBODY_READS:
            _LOST.append(error)
            message = f"error: the output cannot be written: {error.strerror}; the work continues\n"
            with suppress(OSError):
                os.write(2, message.encode())
