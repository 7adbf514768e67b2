"""What the library costs, beside what one would use instead."""
