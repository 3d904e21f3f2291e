"""A command's exit code, seconds and peak memory, whatever the size of the program that starts it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass

UNCHECKED = {"VISIONOCR_TEXT_LAYER": "ignore", "VISIONOCR_CROSS_CHECK": "off"}
"""The environment of runs in which a server's answers are not what stands on the pages: each would be asked again."""

# A process begins with the peak of the one that forked it, so a small one stands between. Where there is /proc it
# adds up what the command and its children hold at the same time; elsewhere the largest of them has to do.
_LAUNCHER = """
import json, os, resource, subprocess, sys, time

def pages(process):
    try:
        with open(f"/proc/{process}/statm") as file:
            held = int(file.read().split()[1])
        for thread in os.listdir(f"/proc/{process}/task"):  # any of them may have started a child
            with open(f"/proc/{process}/task/{thread}/children") as file:
                held += sum(map(pages, file.read().split()))
        return held
    except (OSError, IndexError):
        return 0

begun = time.monotonic()
running = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
peak = 0
while True:
    try:
        running.wait(0.02)
        break
    except subprocess.TimeoutExpired:
        peak = max(peak, pages(running.pid))
seconds = time.monotonic() - begun
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
megabytes = max(peak * os.sysconf("SC_PAGE_SIZE") / 2**20, usage.ru_maxrss / 2**10)
print(json.dumps([running.returncode, seconds, megabytes, usage.ru_utime + usage.ru_stime]))
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a command cost."""

    code: int
    seconds: float
    megabytes: float
    """Peak resident memory of it and its children together; what they share counts more than once."""
    cpu: float
    """Seconds of processor time."""


def measure(*arguments: str, environment: Mapping[str, str] | None = None) -> Measured:
    """Run visionocr with *arguments* and further variables in its environment; its standard output is thrown away."""
    return measure_program(sys.executable, "-m", "visionocr", *arguments, environment=environment)


def measure_program(*program: str, environment: Mapping[str, str] | None = None) -> Measured:
    """Run any program; its standard output is thrown away."""
    command = [sys.executable, "-c", _LAUNCHER, *program]
    ran = subprocess.run(command, check=True, stdout=subprocess.PIPE, env={**os.environ, **(environment or {})})
    return Measured(*json.loads(ran.stdout))
