"""The denoising loops, family by family."""
