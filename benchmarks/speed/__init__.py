"""Speed: the product and the plain way in turn, in one run, on one machine."""
