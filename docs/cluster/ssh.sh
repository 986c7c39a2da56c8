#!/bin/sh
# A part on each host, then join here: ssh.sh RULES TRIPLES FOLDER RESULTS HOST...
# All hosts see the same paths; without a shared disk, copy each FOLDER/part-I here before `join`.
set -eu
rules=$1 triples=$2 folder=$3 results=$4
shift 4
number=0 started=""
for host in "$@"; do
    number=$((number + 1))
    ssh "$host" "cd '$PWD' && sh docs/cluster/part.sh $number $# '$rules' '$triples' '$folder'" &
    started="$started $!"
done
for process in $started; do
    wait "$process"
done
exec pff-stream join "$folder"/part-* --out "$results"
