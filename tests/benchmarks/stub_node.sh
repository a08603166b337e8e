#!/bin/sh
# A node that does nothing but what the coordinator waits for: tells that it is there, sleeps, leaves the run folders.
# The last argument is the unit; the first, where there are two, the seconds to sleep.
seconds=0
[ $# -gt 1 ] && seconds=$1 && shift
unit=$1
progress="${unit%.unit.json}.progress"
node=${TWOTRACK_NODE:-$SLURMD_NODENAME}
folders=$(grep -o '"folder":"[^"]*"' "$unit" | cut -d'"' -f4)
if [ -z "$folders" ]; then
  echo "{\"run\":\"\",\"progress\":{\"phase\":\"seen\",\"figures\":{\"node\":\"$node\",\"locked\":true}}}" >> "$progress"
  exit 0
fi
echo "{\"run\":\"\",\"progress\":{\"phase\":\"at work\",\"figures\":{\"node\":\"$node\"}}}" >> "$progress"
for folder in $folders; do
  sleep "$seconds"
  echo run >> "$unit.runs"
  mkdir "$folder"
done
