"""From weights on a disk to modules."""
