"""What the stages of the thermal study do."""
