#!/bin/bash
# diskimage-builder from scratch, as far as it gets without a device mapper: a tar of the tree,
# neither compressed nor bootable. Runs as root. The environment names release and archives.
#
#   diskimage-builder.sh CACHE OUTPUT PACKAGES     in an empty directory
set -euo pipefail
cache=$1 output=$2 packages=$3

export DIB_DEBOOTSTRAP_CACHE=1 DIB_DEBIAN_USE_DEBOOTSTRAP_CACHE=1 TMP_DIR=$PWD
# A tmpfs would hide what it needs of the disk.
disk-image-create -n -t tar --no-tmpfs --image-cache "$cache" -o "${output%.tar}" \
    -p "$(paste --serial --delimiters=, "$packages")" debian-minimal
