"""A video from its request to its renditions: validation, price, queue, stream, storage and listing."""
