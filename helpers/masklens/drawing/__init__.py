"""Drawing: a batch, a mask or a trace as a picture, in HTML and in text."""
