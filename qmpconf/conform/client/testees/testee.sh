#!/bin/bash
# The commands that are named in the arguments, by socat and jq; reports by the testee protocol.
coproc QMP { exec socat -t 0 - "UNIX-CONNECT:$QMPCONF_SOCKET"; }
exec 3<&"${QMP[0]}" 4>&"${QMP[1]}"
read -r -t 10 -u 3 || exit 1                                 # the greeting
for name in qmp_capabilities "$@"; do
  printf '{"execute": "%s", "id": "%s"}\n' "$name" "$name" >&4 || exit 1
  until [ "$(jq -r .id <<<"$line")" = "$name" ]; do          # events come first
    read -r -t 10 -u 3 line || { [ "$name" = quit ] && exit; echo "$name failed" >&2; exit 1; }
    jq -c --arg name "$name" 'if .event then . elif .id == $name then {command: $name} + . else empty end' <<<"$line"
  done
  line={}
done
