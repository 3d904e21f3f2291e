"""The command line: one module for each group of commands. It may import everything else."""
