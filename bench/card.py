"""A transformer of LTX-Video 2B's real shape on a graphics card, with random weights, since speed does not depend on
them: seconds of video each second, and how much of the card that uses.

Floating point operations are counted by formula, two for each multiplication with its addition, matrix products alone.
With S tokens of video, T of words, width D, caption width C and c channels of a latent, one pass over one clip takes

    layers × (8 S D² + 4 S² D      queries, keys, values, out; attention of S over S
              + 4 S D² + 4 T D² + 4 S T D      the same, of S over T
              + 16 S D²)      forward, four times as wide
    + 4 S c D + 2 T (C D + D²)      in, out, captions
    + 2 N (256 D + 7 D²)      noise levels, N of them: one for each token
    + 2 N (256 D' + D'²)
"""
