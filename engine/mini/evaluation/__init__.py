"""What a clip shows and how often that is what was asked for, told from its pixels alone."""
