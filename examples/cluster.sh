#!/bin/sh
# Reads documents with a Dask cluster on this machine: sh examples/cluster.sh FILE...
# On several machines the same commands run on each of them; see examples/README.md.
set -eu

port=${PORT:-18786}
export DASK_DISTRIBUTED__LOGGING__DISTRIBUTED=error

dask scheduler --host 127.0.0.1 --port "$port" --no-dashboard &
scheduler=$!
# A worker may have a server of its own: VISIONOCR_API_URL=http://localhost:5001 dask worker ...
dask worker --nthreads 1 "tcp://127.0.0.1:$port" &
first=$!
dask worker --nthreads 1 "tcp://127.0.0.1:$port" &
second=$!
trap 'kill $first $second $scheduler 2>/dev/null; wait' EXIT

visionocr pdf "$@" --cluster "tcp://127.0.0.1:$port"
