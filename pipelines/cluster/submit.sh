#!/bin/bash
# Submits the array, and the job that publishes once no task of it is left.
set -euo pipefail
cd "$(dirname "$0")"
array=$(sbatch --parsable array.sbatch)
publish=$(sbatch --parsable --dependency="afterany:${array%%;*}" publish.sbatch)
echo "array ${array%%;*}, publish ${publish%%;*}"
echo "watch: "@watch@
