#!/bin/sh
# After a snakemake that was killed (kill -9, a lost login node): cancel the jobs that it left behind in this
# folder, wait for their end, and unlock the folder. Then run snakemake again as before.
#   slurm/recover.sh all --profile slurm --configfile my.yaml
set -eu
left_behind() {
	squeue --noheader --user "$(id -un)" --states=PENDING,RUNNING,SUSPENDED,COMPLETING --format '%A|%j|%Z' |
		awk -F '|' -v folder="$(pwd -P)" '$2 ~ /^edsym_/ && $3 == folder { print $1 }'
}
jobs=$(left_behind)
echo "cancelling:" ${jobs:-nothing}
[ -z "$jobs" ] || scancel $jobs
while [ -n "$(left_behind)" ]; do sleep 1; done
exec snakemake --unlock "$@"
