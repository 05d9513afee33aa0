"""Typed query functions, one module for each table group. SQL lives here and nowhere else."""
