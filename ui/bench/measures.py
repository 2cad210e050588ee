"""What is measured, and how it is summed up: quantiles, goals, a process's own CPU and memory, the machine."""

import contextlib
import os
import platform
import resource
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node.store import floors

Data = dict[str, Any]
_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


@dataclass(frozen=True, slots=True)
class Goal:
    """A number that is to stay at or below `reach`; `stretch` is better still."""

    reach: float
    stretch: float | None = None

    def judge(self, value: float) -> Data:
        """Return what the goal is and whether a value meets it."""
        met = {"reach": value <= self.reach}
        if self.stretch is not None:
            met["stretch"] = value <= self.stretch
        return {"value": rounded(value), "reach": self.reach, "stretch": self.stretch, "met": met}


def rounded(value: float) -> float:
    """Return a number with four digits that mean something."""
    return float(f"{value:.4g}")


def median(values: Sequence[float]) -> float:
    """Return the middle value, rounded."""
    return rounded(statistics.median(values))


def quantiles(values: Sequence[float]) -> Data:
    """Return how many values there are, the middle one, the one that 95 % do not exceed, and the largest."""
    ranked = sorted(values)
    if not ranked:
        return {"count": 0, "p50": None, "p95": None, "max": None}
    high = ranked[max(0, -(-len(ranked) * 95 // 100) - 1)]
    return {"count": len(ranked), "p50": median(ranked), "p95": rounded(high), "max": rounded(ranked[-1])}


# -- this process -----------------------------------------------------------------------------------------------------


def cpu_s() -> float:
    """Return the seconds of CPU that all threads of this process have used."""
    return time.process_time()


def memory_mb() -> float:
    """Return the memory of this process that is in RAM now, in MB of 1024² bytes; its peak where nothing tells."""
    return _status_kb("VmRSS") / 1024


def peak_mb() -> float:
    """Return the most memory that this process had in RAM since `forget_peak`."""
    return _status_kb("VmHWM") / 1024


def forget_peak() -> None:
    """Begin to look for the peak of memory anew, where the system can."""
    with contextlib.suppress(OSError):
        _CLEAR.write_text("5", encoding="ascii")


def _status_kb(field: str) -> float:
    with contextlib.suppress(OSError):
        for line in _STATUS.read_text(encoding="ascii").splitlines():
            if line.startswith(field):
                return float(line.split()[1])
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def process_usage(pid: int) -> tuple[float, float]:
    """Return another process's seconds of CPU and MB of memory; zeros on systems without /proc."""
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        ticks = int(fields[11]) + int(fields[12])
        pages = int(fields[21])
        return ticks / os.sysconf("SC_CLK_TCK"), pages * os.sysconf("SC_PAGE_SIZE") / 1024**2
    return 0.0, 0.0


# -- the machine ------------------------------------------------------------------------------------------------------


def machine() -> Data:
    """Return what the numbers depend on."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "sqlite": floors.sqlite_version(),
    }


def load() -> list[float]:
    """Return the system's load over the last 1, 5 and 15 minutes."""
    return [rounded(value) for value in os.getloadavg()]
