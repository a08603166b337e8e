"""Modes of files that count for root too: a process of tests may be root's, whom no mode keeps out of anything."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

_PR_CAPBSET_DROP = 24
_DAC_OVERRIDE, _DAC_READ_SEARCH = 1, 2
_VERSION_3 = 0x20080522
_LIBRARY = ctypes.CDLL(None, use_errno=True)


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def count_for_the_child() -> None:
    """Between fork and exec: the program that is started, and all that it starts, is held by modes."""
    for capability in (_DAC_OVERRIDE, _DAC_READ_SEARCH):
        _LIBRARY.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)  # refused to who is not root, and has neither


@contextmanager
def counting() -> Iterator[None]:
    """Let this thread, and those that it starts, be held by modes."""
    before = _effective()
    _set_effective(before & ~(1 << _DAC_OVERRIDE | 1 << _DAC_READ_SEARCH))
    try:
        yield
    finally:
        _set_effective(before)


def _sets() -> ctypes.Array[_Sets]:
    sets = (_Sets * 2)()
    assert _LIBRARY.capget(ctypes.byref(_Header(_VERSION_3, 0)), sets) == 0
    return sets


def _effective() -> int:
    return int(_sets()[0].effective)


def _set_effective(wanted: int) -> None:
    sets = _sets()
    sets[0].effective = wanted
    assert _LIBRARY.capset(ctypes.byref(_Header(_VERSION_3, 0)), sets) == 0
