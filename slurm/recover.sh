#!/bin/sh
# After a snakemake that was killed (kill -9, a lost login node): cancel the jobs that it left behind in this
# folder, wait for their end, and unlock the folder. Then run snakemake again as before.
#   slurm/recover.sh all --profile slurm --configfile my.yaml
set -eu
mine() { squeue --noheader --user "$(id -un)" --states=PENDING,RUNNING,COMPLETING,SUSPENDED --format '%A %j %Z' |
	awk -v folder="$(pwd -P)" '$2 ~ /^edsym_/ && $3 == folder { print $1 }'; }
jobs=$(mine)
echo "cancelling: ${jobs:-nothing}" | xargs
[ -z "$jobs" ] || scancel $jobs
while [ -n "$(mine)" ]; do sleep 1; done
exec snakemake --unlock "$@"
