"""What the lens is held against: an oracle that runs models, and random models to run."""
