"""A command's exit code, seconds and peak memory, whatever the size of the program that starts it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass

# A process begins with the peak of the one that forked it, so a small one stands between.
_LAUNCHER = """
import json, resource, subprocess, sys, time
begun = time.monotonic()
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([code, time.monotonic() - begun, usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime]))
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a command cost."""

    code: int
    seconds: float
    megabytes: float
    """Peak resident memory of the largest process."""
    cpu: float
    """Seconds of processor time."""


def measure(*arguments: str) -> Measured:
    """Run visionocr with *arguments*; its standard output is thrown away."""
    return measure_program(sys.executable, "-m", "visionocr", *arguments)


def measure_program(*program: str) -> Measured:
    """Run any program; its standard output is thrown away."""
    command = [sys.executable, "-c", _LAUNCHER, *program]
    return Measured(*json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout))
