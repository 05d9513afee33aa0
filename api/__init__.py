"""Kinora's web API and worker. Importing the package imports nothing else."""
