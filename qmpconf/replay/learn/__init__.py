"""What differs between recordings of one scenario, as masks."""
