"""Pictures and films in and out: decoding, encoding, fragments, thumbnails, scaling."""
