"""What people look for in a log: found where it is, and nowhere else."""
