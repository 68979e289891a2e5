#!/usr/bin/env bash
# A Slurm cluster of virtual nodes n1, n2, ... on this machine, for tests; needs root.
#
#   tests/slurm/lab.sh FOLDER NODES PORT <commands     ports PORT ... PORT + NODES are its own
#
# It stays in the foreground and reads "off NODE" (power cut) and "on NODE" from its input. When that ends
# or the script is killed, everything that runs on the cluster ends too: all of it lives in one process
# namespace, and all files are in FOLDER. Clients take SLURM_CONF=FOLDER/slurm.conf.
set -euo pipefail
folder=$1 nodes=$2 port=$3

if [ "${4:-}" != inside ]; then
    mkdir -p "$folder"/{munge,state,log,spool,gpu}
    chmod 755 "$folder"
    exec unshare --mount --pid --fork --kill-child --mount-proc "$0" "$folder" "$nodes" "$port" inside
fi

names=()
for i in $(seq "$nodes"); do names+=("n$i"); done

# --- configuration ----------------------------------------------------------------------------------
cat >"$folder/slurm.conf" <<CONF
ClusterName=virtual
SlurmctldHost=$(hostname)(127.0.0.1)
SlurmctldPort=$port
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
# a requeued job starts when the credential of its first start has expired; less than 5 s means 120 s
AuthInfo=socket=$folder/munge/socket,cred_expire=5
StateSaveLocation=$folder/state
SlurmctldPidFile=$folder/slurmctld.pid
SlurmctldLogFile=$folder/log/slurmctld
SlurmdSpoolDir=$folder/spool/%n
SlurmdPidFile=$folder/spool/%n.pid
SlurmdLogFile=$folder/log/%n
# the PMIx plugin keeps its sockets there
TmpFS=$folder/spool/%n
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
MailProg=/bin/true
JobRequeue=1
ReturnToService=2
# as Slurm's own: a machine that stands still for a while loses no node
SlurmdTimeout=300
MessageTimeout=60
MinJobAge=3600
SchedulerParameters=batch_sched_delay=0,sched_interval=2,sched_min_interval=0,bf_interval=2
# more cores than there are
SlurmdParameters=config_overrides
GresTypes=gpu
NodeName=n[1-$nodes] NodeAddr=127.0.0.1 Port=[$((port + 1))-$((port + nodes))] CPUs=16 RealMemory=1000 Gres=gpu:2
EnforcePartLimits=ALL
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE
PartitionName=short Nodes=ALL MaxTime=1
CONF
for i in 0 1; do [ -c "$folder/gpu/nvidia$i" ] || mknod -m 666 "$folder/gpu/nvidia$i" c 1 3; done    # as /dev/null
echo "NodeName=n[1-$nodes] Name=gpu File=$folder/gpu/nvidia[0-1]" >"$folder/gres.conf"
# seen by the cluster only
{ cat /etc/hosts; echo; printf '127.0.0.1 %s\n' "${names[@]}"; } >"$folder/hosts"
mount --bind "$folder/hosts" /etc/hosts

# --- daemons ----------------------------------------------------------------------------------------
export SLURM_CONF=$folder/slurm.conf
head -c 128 /dev/urandom >"$folder/munge/key"
chmod 600 "$folder/munge/key"
munged --foreground --force --num-threads=2 --key-file="$folder/munge/key" --socket="$folder/munge/socket" \
    --pid-file="$folder/munge/pid" --seed-file="$folder/munge/seed" --log-file="$folder/log/munged" </dev/null &
until [ -S "$folder/munge/socket" ]; do sleep 0.05; done
slurmctld -D -c </dev/null >/dev/null 2>&1 &

# A shell is process 1 of a node: it reaps what jobs leave, and starts slurmd again should it end, as systemd does.
# shellcheck disable=SC2016
node='hostname "$1"
mkdir -p "$2"
while :; do
    slurmd -D -N "$1" &
    wait $!
    code=$?
    echo "$(date +%FT%T) slurmd ended with $code" >>"$3"
    sleep 0.5
done'
declare -A running
power_on() {
    unshare --uts --mount --pid --fork --kill-child --mount-proc \
        bash -c "$node" - "$1" "$folder/spool/$1" "$folder/log/$1" </dev/null >/dev/null 2>&1 &
    running[$1]=$!
}
for name in "${names[@]}"; do power_on "$name"; done
while read -r action name; do
    case $action in
        on) power_on "$name" ;;
        off) kill -KILL "${running[$name]}" ;;
    esac
done
