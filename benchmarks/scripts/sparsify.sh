#!/bin/bash
# Makes the image $1 as small as virt-sparsify and zlib do it: $2. Compression of one tree, two ways.
#
#   sparsify.sh IMAGE OUTPUT     in an empty directory
set -euo pipefail
. "$(dirname "$0")/disk.sh"

qemu-img convert -f qcow2 -O raw "$1" disk.raw
virt-sparsify --in-place --format raw disk.raw
compress disk.raw "$2"
