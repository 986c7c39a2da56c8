#!/bin/sh
# One part of a run: part.sh I N RULES TRIPLES FOLDER
# It may be started again at any time, on any host: it goes on, or says that the part is done.
set -eu
number=$1 parts=$2 rules=$3 triples=$4 folder=$5
part="$folder/part-$number"
mkdir -p "$folder"
if [ -e "$part/.unfinished/settings.json" ] || [ -e "$part/part/part.json" ]; then
    exec pff-stream run --resume "$part"
fi
exec pff-stream run "$rules" "$triples" --shard "$number/$parts" --out "$part"
