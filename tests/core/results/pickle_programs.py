"""Pickles written instruction by instruction, among them those that exhaust a machine."""

from __future__ import annotations


def text(value: object) -> bytes:
    raw = str(value).encode()
    return b"X" + len(raw).to_bytes(4, "little") + raw


def data(raw: bytes) -> bytes:
    return b"B" + len(raw).to_bytes(4, "little") + raw


def integer(value: int) -> bytes:
    raw = value.to_bytes(16, "little", signed=True)
    return b"\x8a\x10" + raw


def name(module: str, attribute: str) -> bytes:
    return f"c{module}\n{attribute}\n".encode()


def call(function: bytes, *arguments: bytes) -> bytes:
    """The instructions of a pickle that call what ``function`` puts on the stack."""
    return function + b"(" + b"".join(arguments) + b"tR"


def mapping(entries: dict[bytes, bytes]) -> bytes:
    return b"}(" + b"".join(key + value for key, value in entries.items()) + b"u"


def sequence(*values: bytes) -> bytes:
    return b"](" + b"".join(values) + b"e"


def program(instructions: bytes) -> bytes:
    return b"\x80\x03" + instructions + b"."


def sentences(frame: bytes = b"N", **changed: bytes) -> bytes:
    """A result pickle of one sentence; ``changed`` are its values in ``data``, by name."""
    values = {
        "raw_sentences": text("p53 binds"),
        "wordpieces": sequence(text("p53"), text("binds")),
        "source_dataset": text("clinic"),
        "start_end_char_idx_of_words": sequence(b"K\0K\3\x86", b"K\4K\x09\x86"),
        "gold_entities_not_matching_tokens": b"]",
        **changed,
    }
    per_sentence = {text(key): mapping({b"K\0": value}) for key, value in values.items()}
    return mapping({text("data"): mapping(per_sentence), text("pred_df"): frame})


def data_frame(**columns: bytes) -> bytes:
    """A data frame of one row; ``columns`` are the values that are not the usual ones."""
    values = {
        "sent_id": b"K\0",
        "start_idx": b"K\0",
        "end_idx": b"K\1",
        "gold_tag": b"N",
        "pred_tag": sequence(text("Protein")),
        "matches_tokenization": b"\x88",
        "source_dataset": text("clinic"),
        **columns,
    }
    lists = mapping({text(key): sequence(value) for key, value in values.items()})
    table = name("pandas", "DataFrame") + b")\x81"
    return table + mapping({text("_mgr"): lists}) + b"b"


def array(shape: bytes, values: bytes) -> bytes:
    """A numpy array of objects with this shape and these values."""
    empty = call(
        name("numpy.core.multiarray", "_reconstruct"), name("numpy", "ndarray"), b")", data(b"b")
    )
    state = b"(K\1" + shape + call(name("numpy", "dtype"), text("O8")) + b"\x89" + values + b"t"
    return empty + state + b"b"


def slice_of(stop: int) -> bytes:
    return call(name("builtins", "slice"), b"K\0", integer(stop), b"N")


DOUBLED = b")" + b"2\x86" * 60  # a pair of a pair of a pair ... of the same: 2 to the 60th parts
DEEP = b")" + b"\x85" * 1_000_000
KEYS_OF_ONE_HASH = b"".join(integer(k * (2**61 - 1)) + b"N" for k in range(1, 55_000))

BOMBS = {
    "hash": b"}" + DOUBLED + b"Ns",
    "hashes that are all the same": b"}(" + KEYS_OF_ONE_HASH + b"u",
    "representation of a numpy type": call(name("numpy", "dtype"), DOUBLED),
    "memory of 150 million places": b"Nr" + (150_000_000).to_bytes(4, "little"),
    "memory of 4 billion places": b"Nr\xff\xff\xff\xff",
    "text of a terabyte": b"\x8d" + (2**40).to_bytes(8, "little") + b"x",
    "range as a shape": array(slice_of(10**12), b"]"),
    "shape of three": array(b"K\1K\1K\1\x87", b"]"),
    "range in an array": array(integer(10**9) + b"\x85", slice_of(10**9)),
    "range in chunks": call(name("pyarrow.lib", "chunked_array"), sequence(slice_of(10**9))),
    "short range in many chunks": call(
        name("pyarrow.lib", "chunked_array"), sequence(slice_of(1000), *[b"2"] * 1000)
    ),
    "range as words": sentences(data_frame(), wordpieces=slice_of(10**9)),
    "deep key": b"}" + DEEP + b"Ns",
    "deep tag": sentences(data_frame(pred_tag=sequence(DEEP))),
    "doubled tag": sentences(data_frame(pred_tag=sequence(DOUBLED))),
    "dict as a corpus": sentences(data_frame(), source_dataset=b"}"),
    "dict as a text": sentences(data_frame(), raw_sentences=b"}"),
    "number as a word": sentences(data_frame(), wordpieces=sequence(b"K\1", b"K\2")),
    "text as words": sentences(data_frame(), wordpieces=text("ab")),
    "fraction as a place": sentences(data_frame(start_idx=b"G" + b"\0" * 8)),
    "truth as a place": sentences(data_frame(start_idx=b"\x89")),
    "text as a place": sentences(data_frame(start_idx=text("0"))),
    "number as a flag": sentences(data_frame(matches_tokenization=b"K\1")),
    "number as types": sentences(data_frame(pred_tag=b"K\1")),
    "offsets that are no numbers": sentences(
        data_frame(), start_end_char_idx_of_words=sequence(text("ab"), text("cd"))
    ),
    "half of a surrogate pair": sentences(data_frame(), source_dataset=b"X\3\0\0\0\xed\xa0\x80"),
    "the same types a hundred thousand times": sentences(
        data_frame(pred_tag=b"](" + text("x" * 10_000) + b"2" * 100_000 + b"e")
    ),
}
