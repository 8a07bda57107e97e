#!/usr/bin/env bash
# End what start-cluster.sh started, its jobs first, and remove its state and configuration.
set -euo pipefail

state=${SLURM_TEST_DIR:-${TMPDIR:-/tmp}/degcraft-slurm}
mark="# degcraft's tests wrote this"

grep -qsF "$mark" /etc/slurm/slurm.conf || exit 0
timeout 10 scancel --user "$(id -un)" || true
for _ in $(seq 20); do
    [ -n "$(timeout 5 squeue --noheader || true)" ] || break
    sleep 0.5
done
for name in slurmd slurmctld munged; do
    pid=$(cat "$state/$name.pid" 2>/dev/null) || continue
    # The number may belong to another process by now.
    [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$name" ] || continue
    kill "$pid"
    for _ in $(seq 60); do
        [ -e "/proc/$pid" ] || break
        sleep 0.5
    done
done
rm -rf "$state"
for file in slurm.conf cgroup.conf; do
    if grep -qsF "$mark" "/etc/slurm/$file"; then rm "/etc/slurm/$file"; fi
done
