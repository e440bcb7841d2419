#!/usr/bin/env bash
# Evaluate on several processes, one per GPU; on CPU processes where there is no GPU.
#
#   tools/dist_test.sh CONFIG TICKET_OR_CHECKPOINT GPUS [arguments of test.py]
#
# Several machines: the same call on each with NNODES, NODE_RANK, MASTER_ADDR and PORT set.
# PYTHON picks the interpreter.
set -euo pipefail
if [ $# -lt 3 ]; then
    echo 'usage: tools/dist_test.sh CONFIG TICKET_OR_CHECKPOINT GPUS [arguments of test.py]' >&2
    exit 2
fi
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
NNODES=${NNODES:-1}
# Without a port, one that is free; several machines must agree on one.
if [ "$NNODES" -eq 1 ] && [ -z "${PORT:-}" ]; then
    MEETING=(--rdzv-backend=c10d --rdzv-endpoint=127.0.0.1:0)
else
    MEETING=(--node-rank="${NODE_RANK:-0}" --master-addr="${MASTER_ADDR:-127.0.0.1}"
             --master-port="${PORT:-29500}")
fi
# The environment of `make setup`, unless another one is active.
if [ -z "${PYTHON:-}" ] && [ -z "${VIRTUAL_ENV:-}" ] && [ -x "$ROOT/.venv/bin/python" ]; then
    PYTHON=$ROOT/.venv/bin/python
fi
# tools/launch.py is `python -m torch.distributed.run` with quieter errors.
PYTHONPATH=$ROOT${PYTHONPATH:+:$PYTHONPATH} exec "${PYTHON:-python}" "$ROOT/tools/launch.py" \
    --nnodes="$NNODES" --nproc-per-node="$3" "${MEETING[@]}" \
    "$ROOT/tools/test.py" "$1" "$2" --launcher pytorch "${@:4}"
