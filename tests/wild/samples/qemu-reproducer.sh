#!/bin/sh
# Steps to reproduce: needs an image of 1 GiB.
qemu-img create -f qcow2 /tmp/a.qcow2 1G
cat <<'EOF' | qemu-system-x86_64 -nodefaults -display none -qmp stdio \
    -blockdev file,node-name=proto,filename=/tmp/a.qcow2 \
    -blockdev qcow2,node-name=fmt,file=proto
{"execute": "qmp_capabilities"}
{"execute": "blockdev-snapshot-internal-sync", "arguments": {"device": "fmt", "name": "snap0"}}
{"execute": "block_resize", "arguments": {"node-name": "fmt", "size": "2G"}}
{"execute": "quit"}
EOF
