#!/bin/bash
# The way of the existing snap: packages are installed inside libguestfs's appliance. The file
# system grows without one, which spares it a start (virt-resize).
#
#   virt-customize.sh BASE OUTPUT BYTES PACKAGES     in an empty directory
set -euo pipefail
. "$(dirname "$0")/disk.sh"
base=$1 output=$2 size=$3 packages=$4

grow "$base" disk.raw "$size"
virt-customize --format raw --add disk.raw \
    --install "$(paste --serial --delimiters=, "$packages")" --run-command 'apt-get clean'
virt-sparsify --in-place --format raw disk.raw
compress disk.raw "$output"
