"""What a job file says."""
