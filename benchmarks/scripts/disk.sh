# What peers that work on a disk share; sourced.

# Prints where partition $2 of the raw disk $1 begins and how long it is, in sectors.
partition() {
    partx --noheadings --output START,SECTORS --nr "$2" "$1"
}

# Turns the base image $1 into the raw disk $2 of $3 bytes, with its root, partition 1, grown to the
# end of it.
grow() {
    local start sectors
    qemu-img convert -f qcow2 -O raw "$1" "$2"
    read -r start sectors < <(partition "$2" 1)
    # Needs neither a loop device nor an appliance, nor a check of a file system that was just made.
    # It cuts the file at the end of the file system, so the table's turn is later.
    resize2fs -f "$2?offset=$((start * 512))" "$(((($3 - start * 512) >> 20) - 1))M"
    truncate --size "$3" "$2"
    sfdisk --quiet --no-reread --no-tell-kernel --relocate gpt-bak-std "$2"
    echo ", +" | sfdisk --quiet --no-reread --no-tell-kernel -N 1 "$2"
}

# Compresses the raw disk $1 into the qcow2 $2 as qemu-img does by default: zlib.
compress() {
    qemu-img convert -f raw -O qcow2 -c "$1" "$2"
}
