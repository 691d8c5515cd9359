"""A wall clock that stands wrong, and jumps while a program runs: for this program's own processes, by their start-up file.

A time namespace moves only the clocks that no calendar knows; so `time.time` and `datetime.now` are moved where Python looks for them.
"""

from __future__ import annotations

import os
from pathlib import Path

_MOVED = '''\
import ctypes, datetime, gc, time

def ahead():
    try:
        with open({place!r}) as file:
            return float(file.read() or 0)
    except (OSError, ValueError):
        return 0.0

def moved(one, kind):
    """A type of the interpreter takes another method only past its own door."""
    for name, method in one.items():
        gc.get_referents(kind.__dict__)[0][name] = method
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(kind))

real, real_ns, now = time.time, time.time_ns, datetime.datetime.now
time.time = lambda: real() + ahead()
time.time_ns = lambda: real_ns() + int(ahead() * 10**9)
moved(
    {{
        "now": classmethod(lambda cls, tz=None: now(tz) + datetime.timedelta(seconds=ahead())),
        "utcnow": classmethod(lambda cls: now(datetime.UTC).replace(tzinfo=None) + datetime.timedelta(seconds=ahead())),
    }},
    datetime.datetime,
)
moved({{"today": classmethod(lambda cls: datetime.datetime.now().date())}}, datetime.date)
'''


class WrongClock:
    """The clock of programs that are started with `environ`. Right until it is `set`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self._place = folder / "ahead"
        (folder / "sitecustomize.py").write_text(_MOVED.format(place=str(self._place)))

    def set(self, seconds: float) -> None:
        """Ahead by so many seconds from now on, in programs that run already too; behind where they are negative."""
        new = self._place.with_suffix(".new")
        new.write_text(str(seconds))
        new.replace(self._place)

    def environ(self, environ: dict[str, str]) -> dict[str, str]:
        """What a program is to be started with."""
        return environ | {"PYTHONPATH": os.pathsep.join((str(self._folder), environ["PYTHONPATH"]))}
