from __future__ import annotations

import gc

import pytest

from mtner_cli.core.experiment.corpora import garbage_collection_paused


@garbage_collection_paused()
def paused_function() -> bool:
    return gc.isenabled()


def test_collection_goes_on_as_it_was_before() -> None:
    assert gc.isenabled()
    assert not paused_function()
    assert gc.isenabled()
    with garbage_collection_paused():
        assert not paused_function()
        assert not gc.isenabled()
    with pytest.raises(ValueError, match="stop"), garbage_collection_paused():
        raise ValueError("stop")
    assert gc.isenabled()
