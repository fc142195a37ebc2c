# What peers that work on a disk share; sourced.

# Turns the base image $1 into the raw disk $2 of $3 bytes, with its root, partition 1, grown to the
# end of it.
grow() {
    qemu-img convert -f qcow2 -O raw "$1" "$2"
    truncate --size "$3" "$2"
    sfdisk --quiet --no-reread --no-tell-kernel --relocate gpt-bak-std "$2"
    echo ", +" | sfdisk --quiet --no-reread --no-tell-kernel -N 1 "$2"
}

# Compresses the raw disk $1 into the qcow2 $2 as qemu-img does by default: zlib.
compress() {
    qemu-img convert -f raw -O qcow2 -c "$1" "$2"
}
