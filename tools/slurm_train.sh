#!/usr/bin/env bash
# Train under slurm.
#
#   tools/slurm_train.sh PARTITION JOB CONFIG WORK_DIR [arguments of train.py]
#
# GPUS processes in all (default 8), GPUS_PER_NODE on each machine (default 8), CPUS_PER_TASK cores
# each (default 5). SRUN_ARGS: more options of srun. PYTHON picks the interpreter.
set -euo pipefail
if [ $# -lt 4 ]; then
    echo 'usage: tools/slurm_train.sh PARTITION JOB CONFIG WORK_DIR [arguments of train.py]' >&2
    exit 2
fi
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
GPUS=${GPUS:-8}
GPUS_PER_NODE=${GPUS_PER_NODE:-8}
export PYTHONPATH=$ROOT${PYTHONPATH:+:$PYTHONPATH}
# SRUN_ARGS holds several words.
# shellcheck disable=SC2086
exec srun -p "$1" --job-name="$2" --gres=gpu:"$GPUS_PER_NODE" \
    --ntasks="$GPUS" --ntasks-per-node="$GPUS_PER_NODE" --cpus-per-task="${CPUS_PER_TASK:-5}" \
    --kill-on-bad-exit=1 ${SRUN_ARGS:-} \
    "${PYTHON:-python}" -u "$ROOT/tools/train.py" "$3" --work-dir "$4" --launcher slurm "${@:5}"
