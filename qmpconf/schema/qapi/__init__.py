"""The compiler for QAPI source: QEMU's own schema files become a catalog (`compiler`)."""
