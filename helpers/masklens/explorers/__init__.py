"""The explorers: widgets whose controls set the padding, and the front end that shows them."""
