"""What runs and judges the answer to an exercise, says what it sees, and remembers it."""
