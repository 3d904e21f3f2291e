"""A Dask cluster as a process: ``python -m fakes.dask_cluster WORKERS PRELOAD``; ends with its standard input.

Prints its address, then the process ids of its workers, one a line. PRELOAD is Python that each worker runs first.
"""

from __future__ import annotations

import os
import sys
from typing import Any


def main() -> None:
    """Run until standard input ends."""
    import distributed

    dask: Any = distributed
    count, preload = int(sys.argv[1]), sys.argv[2]
    cluster = dask.LocalCluster(
        n_workers=count,
        threads_per_worker=1,
        processes=True,
        dashboard_address=None,
        preload=[preload] if preload else [],
    )
    with cluster, dask.Client(cluster) as client:
        pids = client.run(os.getpid).values()
        print(cluster.scheduler_address, *pids, sep="\n", flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
