#!/usr/bin/env bash
# A Slurm cluster of one node for tests: munged, slurmctld and slurmd on loopback, as root, without systemd.
# Debian's packages slurm-wlm and munge are needed. Ends when stop-cluster.sh is run. An existing cluster is left alone.
#
#   SLURM_TEST_DIR   state, logs and pid files (default: degcraft-slurm in the folder of temporary files)
#   SLURM_TEST_CPUS  processors that the node claims, whatever it has (default: 16)
set -euo pipefail

state=${SLURM_TEST_DIR:-${TMPDIR:-/tmp}/degcraft-slurm}
cpus=${SLURM_TEST_CPUS:-16}
node=$(uname -n)
node=${node%%.*}
mark="# degcraft's tests wrote this"

die() {
    echo "start-cluster: $*" >&2
    exit 1
}

[ "$(id -u)" = 0 ] || die "not root; root is needed to start Slurm's daemons; type: sudo $0"
for program in munged slurmctld slurmd sinfo; do
    PATH=$PATH:/usr/sbin command -v "$program" >/dev/null ||
        die "no $program; Debian's packages are needed; type: apt-get install slurm-wlm munge"
done
for file in slurm.conf cgroup.conf; do
    [ ! -e "/etc/slurm/$file" ] || grep -qF "$mark" "/etc/slurm/$file" ||
        die "/etc/slurm/$file is there and not ours; the cluster of this machine is left alone"
done
export PATH=$PATH:/usr/sbin

# Repeat a command for a while; what did not come up is named.
wait_for() {
    local what=$1
    shift
    for _ in $(seq 60); do
        "$@" >/dev/null 2>&1 && return
        sleep 0.5
    done
    die "$what did not come up; see $state/*.log"
}
node_is_up() { sinfo --noheader --format %T | grep -qE '^(idle|mixed|allocated)$'; }
speaks() { munge --no-input | unmunge; }
controls() { scontrol ping | grep -q "is UP"; }

mkdir -p "$state"/{controller,spool} /etc/slurm
install -d -o munge -g munge -m 755 /run/munge
install -d -o munge -g munge -m 700 /etc/munge /var/lib/munge /var/log/munge
if [ ! -s /etc/munge/munge.key ]; then
    (umask 077 && head -c 128 /dev/urandom >/etc/munge/munge.key)
    chown munge:munge /etc/munge/munge.key
fi

# No cgroups, since containers seldom allow them; a job that takes too much memory is ended by the accounting of Slurm.
# The node may claim more memory than the machine has: what is asked for is an estimate on the safe side.
cat >/etc/slurm/slurm.conf <<END
$mark
ClusterName=degcraft
SlurmctldHost=$node(127.0.0.1)
SlurmUser=root
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
ReturnToService=2
StateSaveLocation=$state/controller
SlurmdSpoolDir=$state/spool
SlurmctldPidFile=$state/slurmctld.pid
SlurmdPidFile=$state/slurmd.pid
SlurmctldLogFile=$state/slurmctld.log
SlurmdLogFile=$state/slurmd.log
SlurmdParameters=config_overrides
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
SchedulerParameters=sched_interval=2,batch_sched_delay=0
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
KillWait=5
MinJobAge=600
NodeName=$node NodeAddr=127.0.0.1 CPUs=$cpus RealMemory=64000 State=UNKNOWN
PartitionName=main Nodes=$node Default=YES MaxTime=INFINITE State=UP
END
printf '%s\nCgroupAutomount=no\n' "$mark" >/etc/slurm/cgroup.conf

if ! speaks >/dev/null 2>&1; then
    setpriv --reuid=munge --regid=munge --clear-groups munged --pid-file=/run/munge/munged.pid
    wait_for munged speaks
    cp /run/munge/munged.pid "$state/munged.pid"
fi
controls 2>/dev/null || slurmctld
wait_for slurmctld controls
node_is_up || slurmd -N "$node"
wait_for "the node $node" node_is_up
sinfo
