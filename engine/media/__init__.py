"""Reading and writing images and videos: decoding, encoding, fragments, thumbnails, scaling."""
