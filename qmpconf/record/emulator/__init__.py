"""What stands in QEMU's place, so that the monitor which libvirt opens for itself is recorded.

libvirt makes the monitor's listening socket, starts what a domain names in ``<emulator>`` and gives
it the socket under a descriptor's number.  `install` writes a small program to be named there.  It
runs `stand_in`, which puts a socket of ours under that number, gives libvirt's own to a recorder
(`beside`) and becomes QEMU: with its pid, its arguments and its other descriptors as libvirt made
them.  `command` reads QEMU's arguments.

It must never break a machine: whatever is not understood, or fails, leaves QEMU as it was called,
and is a line in the log (`log`).
"""
