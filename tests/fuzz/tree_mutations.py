"""Damage to JSON, to what is like it, and to XML: nodes deleted, moved, renamed, replaced."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any
from xml.etree import ElementTree

from hypothesis import strategies as st

from tests.fuzz.mutations import NUMBERS, TEXTS, VALUES, Draw, number_below, several


def _places(value: Any, key: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths to every node of nested lists and dicts but for the top one."""
    if isinstance(value, dict | list):
        for name in value if isinstance(value, dict) else range(len(value)):
            yield (*key, name)
            yield from _places(value[name], (*key, name))


def _at(value: Any, path: Sequence[Any]) -> Any:
    for name in path:
        value = value[name]
    return value


def _change_node(draw: Draw, value: Any) -> Any:
    """Delete, repeat, replace, wrap, rename, nest or move one node."""
    places = list(_places(value))
    if not places:
        return draw(st.sampled_from(VALUES))
    *above, name = places[number_below(draw, len(places))]
    holder = _at(value, above)
    node = holder[name]
    match draw(st.integers(0, 7)):
        case 0:
            del holder[name]
        case 1:
            if isinstance(holder, list):
                holder.insert(name, copy.deepcopy(node))
            else:
                holder[f"{name}2"] = copy.deepcopy(node)
        case 2 | 3:
            holder[name] = copy.deepcopy(draw(st.sampled_from(VALUES)))
        case 4:
            holder[name] = draw(st.sampled_from(([node], {"text": node}, [[node]], [node, node])))
        case 5:
            if isinstance(holder, dict):
                new = draw(st.sampled_from((*map(str, (p[-1] for p in places)), *TEXTS)))
                holder[new] = holder.pop(name)
        case 6:
            holder[name] = copy.deepcopy(_at(value, places[number_below(draw, len(places))]))
        case _:
            if type(node) is int:
                holder[name] = node + draw(st.sampled_from((-1, 1, 7, -100, 10**12)))
            elif isinstance(node, str):
                holder[name] = node + draw(st.sampled_from(TEXTS))
            else:
                holder[name] = nested(draw, node)
    return value


def nested(draw: Draw, value: Any) -> Any:
    """A value within many lists."""
    for _ in range(draw(st.sampled_from((1, 30, 400)))):
        value = [value]
    return value


def mutated_tree(draw: Draw, value: Any) -> Any:
    """Nested lists and dicts of JSON or YAML, some nodes changed; the value itself stays."""
    return several(draw, copy.deepcopy(value), (_change_node,))


def json_text(draw: Draw, value: Any) -> str:
    """JSON, with escapes or without, on one line or many."""
    as_ascii = draw(st.booleans())
    indent = draw(st.sampled_from((None, None, 1)))
    return json.dumps(value, ensure_ascii=as_ascii, indent=indent)


# ------------------------------------------------------------------------------------------- XML

_DECLARATIONS = (
    '<?xml version="1.0"?>',
    '<?xml version="1.0" encoding="UTF-18"?>',
    '<?xml version="1.0" encoding="shift_jis"?>',
    '<?xml version="1.0" encoding="latin-1"?>',
    '<?xml version="1.0" encoding="utf-16"?>',
    '<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd">',
    '<!DOCTYPE a [<!ENTITY e "x">]>',
    '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]>',
    '<!DOCTYPE a [<!ENTITY % p SYSTEM "http://127.0.0.1:9/p"> %p;]>',
    "<!-- a comment -->",
    "<?php echo 1 ?>",
)


def _change_element(draw: Draw, root: ElementTree.Element) -> ElementTree.Element:
    """Delete, repeat, move, rename, wrap or rewrite one element."""
    pairs = [(parent, child) for parent in root.iter() for child in parent]
    if not pairs:
        return root
    parent, child = pairs[number_below(draw, len(pairs))]
    at = list(parent).index(child)
    match draw(st.integers(0, 8)):
        case 0:
            parent.remove(child)
        case 1:
            parent.insert(at, copy.deepcopy(child))
        case 2:
            target = pairs[number_below(draw, len(pairs))][1]
            target.insert(0, copy.deepcopy(child))
        case 3:
            child.tag = draw(st.sampled_from((*sorted({one.tag for one in root.iter()}), "other")))
        case 4:
            wrapper = ElementTree.Element(child.tag, dict(child.attrib))
            parent[at] = wrapper
            wrapper.append(child)
        case 5:
            child.text = (child.text or "") + draw(st.sampled_from(TEXTS))
        case 6:
            child.tail = (child.tail or "") + draw(st.sampled_from(TEXTS))
        case 7:
            child.text = draw(st.sampled_from(NUMBERS))
        case _:
            name = draw(st.sampled_from((*child.attrib, "sem", "key", "offset")))
            child.set(name, draw(st.sampled_from((*TEXTS, *NUMBERS, "G#DNA_x", "(AND G#DNA G#x)"))))
    return root


_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def mutated_xml(draw: Draw, text: str) -> str:
    """XML with some elements changed, mostly still well-formed, or with another prolog."""
    root = several(draw, ElementTree.fromstring(text), (_change_element,))
    written = ElementTree.tostring(root, encoding="unicode")
    if draw(st.booleans()):
        written = _NOT_IN_XML.sub("?", written)  # a control character would end it all at once
    if draw(st.integers(0, 5)) == 5:
        written = draw(st.sampled_from(_DECLARATIONS)) + written
    return written
