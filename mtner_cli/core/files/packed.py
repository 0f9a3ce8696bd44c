"""Open inputs that may be compressed (gzip, Zstandard) as if they were plain files."""

from __future__ import annotations

import gzip
import io
import os
import zlib
from pathlib import Path, PosixPath
from typing import Any, Protocol

PACKED = {".gz": b"\x1f\x8b", ".zst": b"\x28\xb5\x2f\xfd"}
"""The suffix of each kind of compressed file, and the bytes that it starts with."""

_PIECE = 1 << 12
"""Compressed bytes that are unpacked at a time; a few can hold very many of the same byte."""


class InputPath(PosixPath):
    """The path of an input as messages show it; it opens the unpacked content of the input.

    Attributes:
        content: the file to open: the path itself, or a copy of what can be read only once.
    """

    content: Path
    _opened: io.FileIO | None = None

    @staticmethod
    def of(shown: str | Path, content: Path | None = None) -> InputPath:
        """Return a path with another content than the file of this name, or the same."""
        path = InputPath(shown)
        path.content = Path(shown) if content is None else content
        return path

    @property
    def plain_name(self) -> str:
        """The file's name without the suffix of a compressed file."""
        return self.stem if self.suffix.lower() in PACKED else self.name

    @property
    def plain_stem(self) -> str:
        """The file's name without its suffixes: ``a.b`` of ``a.b.txt.gz``."""
        return self.plain_name.rpartition(".")[0] or self.plain_name

    @property
    def position(self) -> int:
        """The number of bytes that were read since it was opened last, as they lie on disk."""
        opened = self._opened
        return 0 if opened is None or opened.closed else opened.tell()

    def open(  # type: ignore[override]
        self,
        mode: str = "r",
        *,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
    ) -> Any:
        """Open the content, for reading only.

        Raises:
            OSError: also while it is read, if compressed data are damaged or incomplete.
        """
        self._opened = io.FileIO(self.content)
        stream = io.BufferedReader(_unpacked(self._opened, self.suffix.lower()))
        if "b" in mode:
            return stream
        return io.TextIOWrapper(stream, encoding or "utf-8", errors, newline)


def _unpacked(file: io.FileIO, suffix: str) -> io.RawIOBase:
    """Return the plain content of a file, which its suffix or its first bytes describe."""
    if not file.seekable():
        return file
    start = file.read(4)
    file.seek(0)
    kind = next((name for name, mark in PACKED.items() if start.startswith(mark)), suffix)
    return _Unpacked(file, kind) if kind in PACKED else file


class _Reader(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _Unpacked(io.RawIOBase):
    """The content of a compressed file; going back in it reads it again from its start."""

    def __init__(self, file: io.FileIO, kind: str) -> None:
        self._file = file
        self._kind = kind
        self._start()

    def _start(self) -> None:
        self._file.seek(0)
        self._is_empty = not os.fstat(self._file.fileno()).st_size
        self._position = 0
        self._content: _Reader = (
            gzip.GzipFile(fileobj=io.BufferedReader(_Kept(self._file)))
            if self._kind == ".gz"
            else _Zstandard(self._file)
        )

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = 0) -> int:
        if whence == 2:
            raise io.UnsupportedOperation("the end of compressed data is not known; unpack them")
        target = offset + (self._position if whence == 1 else 0)
        if target < self._position:
            self._start()
        while self._position < target and self.read(min(target - self._position, 1 << 16)):
            pass
        return self._position

    def readinto(self, buffer: Any) -> int:
        if self._is_empty:
            raise OSError("the compressed data are damaged: the file is empty")
        try:
            piece = self._content.read(len(buffer))
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise OSError(f"the compressed data are damaged: {error}") from None
        buffer[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def close(self) -> None:
        self._file.close()
        super().close()


class _Kept(io.RawIOBase):
    """A file that stays open when a reader of it is closed."""

    def __init__(self, file: io.FileIO) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._file.readinto(buffer)


class _Zstandard:
    """Unpacks one or more frames; the library's own reader takes a cut file for a whole one."""

    def __init__(self, file: io.FileIO) -> None:
        from zstandard import ZstdDecompressor

        self._file = file
        self._unpacker = ZstdDecompressor()
        self._frame: Any = None
        self._packed = b""
        self._ready = memoryview(b"")

    def read(self, size: int, /) -> bytes:
        while not self._ready:
            self._packed = self._packed or self._file.read(_PIECE)
            if not self._packed:
                if self._frame is not None:
                    raise EOFError("they end in the middle")
                return b""
            self._unpack()
        piece = bytes(self._ready[:size])
        self._ready = self._ready[size:]
        return piece

    def _unpack(self) -> None:
        from zstandard import ZstdError

        if self._frame is None:
            self._frame = self._unpacker.decompressobj()
        try:
            self._ready = memoryview(self._frame.decompress(self._packed))
        except ZstdError as error:
            raise EOFError(str(error)) from None
        self._packed = b""
        if self._frame.eof:
            self._packed = self._frame.unused_data
            self._frame = None
