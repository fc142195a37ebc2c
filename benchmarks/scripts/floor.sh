#!/bin/bash
# The least that can be done by hand: loop mount, chroot, apt, unmount, compress. Runs as root, in
# mount and process namespaces of its own: with them go the mounts, and with those the loop devices.
#
#   floor.sh BASE OUTPUT BYTES PACKAGES     in an empty directory
set -euo pipefail
. "$(dirname "$0")/disk.sh"
base=$1 output=$2 size=$3 packages=$4
readonly BOOT=16

mount_partition() {
    local start sectors
    read -r start sectors < <(partition disk.raw "$1")
    mount -o "loop,offset=$((start * 512)),sizelimit=$((sectors * 512))" disk.raw "$2"
}

grow "$base" disk.raw "$size"
mkdir root
mount_partition 1 root
mount_partition $BOOT root/boot
mount --rbind /dev root/dev
mount -t proc proc root/proc
mount -t sysfs sysfs root/sys

mv root/etc/resolv.conf root/etc/resolv.conf.image
cp /etc/resolv.conf root/etc/resolv.conf
printf '#!/bin/sh\nexit 101\n' >root/usr/sbin/policy-rc.d
chmod 755 root/usr/sbin/policy-rc.d

export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
chroot root apt-get --quiet update
xargs --arg-file="$packages" chroot root apt-get --quiet --yes --no-install-recommends install
chroot root apt-get clean

rm root/usr/sbin/policy-rc.d
mv root/etc/resolv.conf.image root/etc/resolv.conf
fstrim root
umount --recursive root
compress disk.raw "$output"
